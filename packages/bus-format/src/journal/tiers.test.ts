import { fc } from '@quantbot/tooling-testing/properties';
import { expect, test } from 'vitest';
import { type Segment, segmentName } from './files.js';
import { segmentsToMerge, similarSegmentsToMerge } from './tiers.js';

const segment = (first: number, last: number, bytes: number): Segment => ({
  first,
  last,
  bytes,
  name: segmentName(first, last),
});

/** Adds a segment of each size in turn, merging after each as maintenance does. */
function compactAll(
  sizes: readonly number[],
  toMerge = segmentsToMerge,
): { live: Segment[]; rewritten: number; most: number } {
  let live: Segment[] = [];
  let rewritten = 0;
  let most = 0;
  sizes.forEach((bytes, index) => {
    live.push(segment(index + 1, index + 1, bytes));
    const group = toMerge(live);
    const [first, last] = [group[0], group.at(-1)];
    if (group.length >= 2 && first !== undefined && last !== undefined) {
      const merged = segment(
        first.first,
        last.last,
        group.reduce((sum, s) => sum + s.bytes, 0),
      );
      rewritten += merged.bytes;
      live = [...live.slice(0, live.length - group.length), merged];
    }
    most = Math.max(most, live.length);
  });
  return { live, rewritten, most };
}

test('the number of segments grows with the logarithm of their size, and so does how often a byte is written again', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 100, max: 10_000 }), { minLength: 1, maxLength: 500 }), sizes => {
      const { live, rewritten, most } = compactAll(sizes);
      const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
      expect(live.map(s => s.bytes).reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
      expect(most).toBeLessThanOrEqual(1 + Math.log(total / 100) / Math.log(4));
      // Each time a byte is rewritten, its segment is at least a quarter larger than before.
      expect(rewritten / total).toBeLessThanOrEqual(Math.log(total / 100) / Math.log(1.25));
    }),
  );
});

test('ten thousand compactions of equal size leave a handful of segments', () => {
  expect(compactAll(Array.from({ length: 10_000 }, () => 50_000)).most).toBeLessThanOrEqual(8);
});

test('only neighbours at the young end are merged, and a large elder is left alone', () => {
  const live = [segment(1, 100, 1_000_000), segment(101, 110, 3_000), segment(111, 112, 1_000)];
  expect(segmentsToMerge(live).map(s => s.first)).toEqual([101, 111]);
});

test('no merge makes a segment of more than a gigabyte', () => {
  const gigabyte = 1024 ** 3;
  const live = [segment(1, 1, 0.6 * gigabyte), segment(2, 2, 0.5 * gigabyte)];
  expect(segmentsToMerge(live)).toHaveLength(1);
});

test('one segment, or none, is not merged', () => {
  expect(segmentsToMerge([segment(1, 1, 10)])).toHaveLength(1);
  expect(segmentsToMerge([])).toHaveLength(0);
});

test('patience keeps the number of segments logarithmic too, and merges no fewer than four', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 100, max: 10_000 }), { minLength: 1, maxLength: 500 }), sizes => {
      const { live, rewritten, most } = compactAll(sizes, similarSegmentsToMerge);
      const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
      expect(live.map(s => s.bytes).reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
      // What stays is at most two thirds of what the next older one began.
      expect(most).toBeLessThanOrEqual(4 + Math.log(total / 100) / Math.log(1.5));
      expect(rewritten / total).toBeLessThanOrEqual(Math.log(total / 100) / Math.log(1.5));
    }),
  );
});

test('with patience, ten compactions of equal size write each byte once more at most', () => {
  const sizes = Array.from({ length: 10 }, () => 50_000);
  const patient = compactAll(sizes, similarSegmentsToMerge);
  expect(patient.live.map(s => s.bytes)).toEqual([200_000, 200_000, 50_000, 50_000]);
  expect(patient.rewritten).toBe(400_000);
  expect(compactAll(sizes).rewritten).toBe(1_250_000);
});

test('patience makes no segment of more than a gigabyte either, and leaves one or none alone', () => {
  const quarter = 0.25 * 1024 ** 3 + 1;
  expect(similarSegmentsToMerge([1, 2, 3, 4].map(n => segment(n, n, quarter)))).toHaveLength(1);
  expect(similarSegmentsToMerge([1, 2, 3, 4].map(n => segment(n, n, quarter - 1)))).toHaveLength(4);
  expect(similarSegmentsToMerge([])).toHaveLength(0);
});
