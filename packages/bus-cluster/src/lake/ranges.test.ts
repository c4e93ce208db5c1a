import { expect, test } from 'vitest';
import { disjoint } from './ranges.js';

const range = (firstSeq: number, lastSeq: number) => ({ firstSeq, lastSeq, paths: [`${firstSeq}`], bytes: 10 });

test('files whose jobs overlap are one range, so that none is rewritten in part', () => {
  expect(disjoint([range(1, 50), range(3, 3), range(40, 60), range(61, 70), range(71, 71)])).toEqual([
    { firstSeq: 1, lastSeq: 60, paths: ['1', '3', '40'], bytes: 30 },
    range(61, 70),
    range(71, 71),
  ]);
  expect(disjoint([])).toEqual([]);
});
