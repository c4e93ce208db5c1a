import { expect, test } from 'vitest';
import { linesOf } from './series.js';

const columns = (...types: string[]) => types.map((type, index) => ({ name: `c${index}`, type }));

test('lines share their places; where one has no value there is none', () => {
  const rows = [
    ['2026-01-02', 2, 'b'],
    ['2026-01-01', '1.5', 'a'],
    ['2026-01-03', null, 'a'],
    [null, 9, 'a'],
  ];
  expect(linesOf({ columns: columns('DATE', 'DOUBLE', 'VARCHAR'), rows, isCut: false })).toEqual({
    x: [1767225600, 1767312000, 1767398400],
    isTime: true,
    lines: [
      { name: 'b', values: [null, 2, null] },
      { name: 'a', values: [1.5, null, null] },
    ],
  });
});

test('without a third column the line is named after the second', () => {
  const rows = [
    [2, 20],
    [1, 10],
  ];
  expect(linesOf({ columns: columns('INTEGER', 'INTEGER'), rows, isCut: false })).toEqual({
    x: [1, 2],
    isTime: false,
    lines: [{ name: 'c1', values: [10, 20] }],
  });
});
