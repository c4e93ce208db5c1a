import { expect, test } from 'vitest';
import { makeCommits } from '../../../test/support/commits.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { RecentSnapshot } from './recent-snapshot.js';

test('exports of one second share a snapshot, which is pinned until they have ended', async () => {
  const { bus, test: testBus } = await openInProcess();
  let now = 0;
  const recent = new RecentSnapshot({ ...bus, elapsed: () => now });
  expect(recent.pinned).toEqual([]);
  await makeCommits(bus, testBus, 1);
  const first = await recent.take();
  await makeCommits(bus, testBus, 1);
  now = 999;
  expect(await recent.take()).toBe(first);
  expect(recent.pinned).toEqual([first]);
  now = 1_000;
  const second = await recent.take();
  expect([first.seq, second.seq]).toEqual([1, 2]);
  expect(recent.pinned).toEqual([second]);
  recent.release();
  expect(recent.pinned).toEqual([]);
});
