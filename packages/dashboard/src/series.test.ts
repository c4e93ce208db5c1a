import { expect, test } from 'vitest';
import { chartOf, linesOf } from './series.js';

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

test('each further column of numbers is a line of its own, and text is none', () => {
  const rows = [
    ['2026-01-01', 1, 'x', 10],
    ['2026-01-02', 2, 'y', null],
  ];
  const drawn = chartOf({ columns: columns('DATE', 'BIGINT', 'VARCHAR', 'DECIMAL(9,2)'), rows, isCut: false });
  expect(drawn?.lines).toEqual([
    { name: 'c1', values: [1, 2] },
    { name: 'c3', values: [10, null] },
  ]);
});

test('an answer without a place to draw at, with one row, or with nothing to draw has no chart', () => {
  const two = [
    ['a', 1],
    ['b', 2],
  ];
  expect(chartOf({ columns: columns('VARCHAR', 'INTEGER'), rows: two, isCut: false })).toBeUndefined();
  expect(chartOf({ columns: columns('INTEGER', 'INTEGER'), rows: [[1, 1]], isCut: false })).toBeUndefined();
  expect(chartOf({ columns: columns('INTEGER', 'INTEGER[]'), rows: two, isCut: false })).toBeUndefined();
  const many = Array.from({ length: 20 }, (_, n) => [n, n, `line ${n}`]);
  expect(chartOf({ columns: columns('INTEGER', 'INTEGER', 'VARCHAR'), rows: many, isCut: false })).toBeUndefined();
});
