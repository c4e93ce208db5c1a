import { expect, test } from 'vitest';
import { shared } from './objects-of-bus.js';

test('calls share a look, but never one that began before them', async () => {
  const ends: (() => void)[] = [];
  let failing = false;
  const check = shared(async () => {
    await new Promise<void>(resolve => ends.push(resolve));
    if (failing) throw new Error('not mounted');
  });
  const first = check();
  await expect.poll(() => ends.length).toBe(1);
  const later = [check(), check(), check()];
  ends[0]?.();
  await first;
  await expect.poll(() => ends.length).toBe(2);
  failing = true;
  ends[1]?.();
  for (const { status } of await Promise.allSettled(later)) expect(status).toBe('rejected');
  failing = false;
  const last = check();
  await expect.poll(() => ends.length).toBe(3);
  ends[2]?.();
  await last;
});

test('calls of one moment share a look that waits for nothing', async () => {
  let looks = 0;
  const check = shared(async () => {
    looks++;
  });
  await Promise.all([check(), check(), check()]);
  expect(looks).toBe(1);
  await check();
  expect(looks).toBe(2);
});
