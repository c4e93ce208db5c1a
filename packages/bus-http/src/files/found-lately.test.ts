import { expect, test } from 'vitest';
import { foundLately } from './found-lately.js';

/** A look-up that counts its calls, and a clock. */
function lookUp(max = 10) {
  const calls: string[] = [];
  let time = 0;
  let fails = false;
  const find = foundLately(
    async name => {
      calls.push(name);
      if (fails) throw new Error('not found');
      return `${name} ${calls.length}`;
    },
    { forMs: 100, max, now: () => time },
  );
  return {
    calls,
    find,
    pass: (ms: number) => {
      time += ms;
    },
    fail: (value: boolean) => {
      fails = value;
    },
  };
}

test('requests at once and soon after share one look-up, later ones do not', async () => {
  const { calls, find, pass } = lookUp();
  expect(await Promise.all([find('a'), find('a'), find('b')])).toEqual(['a 1', 'a 1', 'b 2']);
  pass(99);
  expect(await find('a')).toBe('a 1');
  pass(1);
  expect(await find('a')).toBe('a 3');
  expect(calls).toEqual(['a', 'b', 'a']);
});

test('a failure is not remembered', async () => {
  const { find, fail } = lookUp();
  fail(true);
  await expect(find('a')).rejects.toThrow('not found');
  fail(false);
  expect(await find('a')).toBe('a 2');
});

test('it remembers only the newest', async () => {
  const { calls, find } = lookUp(2);
  for (const name of ['a', 'b', 'c', 'b', 'a']) await find(name);
  expect(calls).toEqual(['a', 'b', 'c', 'a']);
});
