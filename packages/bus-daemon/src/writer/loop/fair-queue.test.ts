import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairQueue } from './fair-queue.js';

const queueOf = (lists: Record<string, number[]>) => {
  const queue = new FairQueue<{ of: string; at: number }>(({ at }) => at);
  for (const [of, times] of Object.entries(lists))
    queue.add(
      of,
      times.map(at => ({ of, at })),
    );
  return queue;
};

test('each producer gives its oldest in turn, and the turns go on where they ended', () => {
  const queue = queueOf({ a: [5, 1, 4, 2, 3], b: [9], c: [7, 8] });
  const names = (count: number) => queue.take(count).map(({ of, at }) => `${of}${at}`);
  expect(names(2)).toEqual(['a1', 'b9']);
  expect(names(3)).toEqual(['c7', 'a2', 'c8']);
  expect([queue.size, queue.producers, queue.oldestAt]).toEqual([3, ['a'], 3]);
  expect(names(9)).toEqual(['a3', 'a4', 'a5']);
  expect([queue.size, queue.producers, queue.oldestAt]).toEqual([0, [], undefined]);
});

test('what is added later is in its place, those of the same moment in the order in which they came', () => {
  const queue = new FairQueue<[name: string, at: number]>(([, at]) => at);
  queue.add('a', [
    ['first', 1],
    ['second', 1],
    ['last', 3],
  ]);
  queue.add('a', [
    ['third', 1],
    ['between', 2],
  ]);
  expect(queue.take(5).map(([name]) => name)).toEqual(['first', 'second', 'third', 'between', 'last']);
});

test('only some producers can be asked, and some of one taken out', () => {
  const queue = queueOf({ a: [1, 2, 3], b: [1] });
  expect(queue.take(9, of => of === 'b')).toEqual([{ of: 'b', at: 1 }]);
  expect(queue.peek('a', 2).map(({ at }) => at)).toEqual([1, 2]);
  expect(queue.remove('a', ({ at }) => at !== 2).map(({ at }) => at)).toEqual([1, 3]);
  expect(queue.take(9)).toEqual([{ of: 'a', at: 2 }]);
});

test('however much others have, the first of a producer is taken within as many turns as there are producers', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.array(fc.nat(99), { minLength: 1, maxLength: 30 })),
      fc.integer({ min: 1, max: 5 }),
      (lists, count) => {
        const queue = queueOf(lists);
        const order: string[] = [];
        while (queue.size > 0) order.push(...queue.take(count).map(({ of }) => of));
        expect(order).toHaveLength(Object.values(lists).flat().length);
        const producers = Object.keys(lists);
        for (const producer of producers) expect(order.indexOf(producer)).toBeLessThan(producers.length);
      },
    ),
  );
});

test('the oldest is found among more producers than a call has arguments', () => {
  const queue = new FairQueue<number>(at => at);
  for (let at = 300_000; at > 0; at--) queue.add(`producer-${at}`, [at]);
  expect(queue.oldestAt).toBe(1);
});
