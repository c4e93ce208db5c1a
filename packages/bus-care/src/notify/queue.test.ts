import { expect, test } from 'vitest';
import type { Happening } from './happening.js';
import { maxListed, maxWaiting, NotificationQueue } from './queue.js';

const at = '2026-01-31T12:00:00.000Z';
const rejected = (n: number): Happening => ({
  at,
  event: 'rejected',
  job: {
    job_id: `job-${n}`,
    seq: n,
    run_id: null,
    producer: null,
    kind: null,
    code: 'C',
    error: '',
    hint: '',
    path: '',
  },
});
const exported = (event: 'export_failed' | 'export_recovered', name: string): Happening => ({
  at,
  event,
  export: { name, as_of_seq: 0, rows: null, bytes: null, error: null },
});
const state = (event: 'paused' | 'resumed'): Happening => ({ at, event, cause: null });

/** Takes all waiting notifications, in order. */
function taken(queue: NotificationQueue): { event: string; count: number }[] {
  const all: { event: string; count: number }[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take())
    all.push({ event: next.event, count: next.count });
  return all;
}

test('rejections that come while others wait join them, and only the first hundred are kept', () => {
  const queue = new NotificationQueue(1000);
  const news = Array.from({ length: 10_000 }, (_, n) => queue.add(rejected(n), n / 10));
  expect(news.filter(isNew => isNew)).toHaveLength(1);
  const notification = queue.take();
  expect(notification).toMatchObject({ event: 'rejected', count: 10_000 });
  expect(notification?.happenings.map(about => 'job' in about && about.job.seq)).toEqual(
    Array.from({ length: maxListed }, (_, n) => n),
  );
  expect(queue.take()).toBeUndefined();
});

test('a group is complete when its time is over, counted from its first', () => {
  const queue = new NotificationQueue(1000);
  expect(queue.readyInMs(0)).toBeUndefined();
  queue.add(rejected(1), 100);
  queue.add(rejected(2), 900);
  expect(queue.readyInMs(900)).toBe(200);
  expect(queue.readyInMs(5000)).toBe(0);
});

test('a pause does not wait for rejections that came before it', () => {
  const queue = new NotificationQueue(1000);
  queue.add(rejected(1), 0);
  queue.add(state('paused'), 10);
  queue.add(rejected(2), 20);
  expect(queue.readyInMs(20)).toBe(0);
  expect(taken(queue)).toEqual([
    { event: 'paused', count: 1 },
    { event: 'rejected', count: 2 },
  ]);
});

test('failures and recoveries of exports keep their order, and so do pauses and their ends', () => {
  const queue = new NotificationQueue(1000);
  queue.add(exported('export_failed', 'a'), 0);
  queue.add(state('paused'), 1);
  queue.add(exported('export_failed', 'b'), 2);
  queue.add(rejected(1), 3);
  queue.add(state('resumed'), 4);
  queue.add(exported('export_recovered', 'a'), 5);
  queue.add(exported('export_failed', 'a'), 6);
  queue.add(state('paused'), 7);
  const events = taken(queue);
  const of = (subject: string) => events.filter(({ event }) => event.startsWith(subject));
  expect(of('export')).toEqual([
    { event: 'export_failed', count: 2 },
    { event: 'export_recovered', count: 1 },
    { event: 'export_failed', count: 1 },
  ]);
  expect(events.filter(({ event }) => /^(paused|resumed)$/.test(event)).map(({ event }) => event)).toEqual([
    'paused',
    'resumed',
    'paused',
  ]);
});

test('when too many wait the oldest are dropped, and counted once', () => {
  const queue = new NotificationQueue(0);
  for (let n = 0; n < maxWaiting + 7; n++)
    queue.add(exported(n % 2 === 0 ? 'export_failed' : 'export_recovered', `e${n}`), n);
  expect(queue.size).toBe(maxWaiting);
  expect(queue.takeDropped()).toBe(7);
  expect(queue.takeDropped()).toBe(0);
  expect(queue.take()?.happenings).toMatchObject([{ export: { name: 'e7' } }]);
});
