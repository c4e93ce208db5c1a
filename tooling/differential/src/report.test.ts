import { expect, test } from 'vitest';
import { Report } from './report.js';

const found = { file: 'a.parquet', writer: 'pyarrow', how: 'zstd', refusable: {} };

test('a difference names file, writer, column, type, reader, both values, and the command with the seed', () => {
  const report = new Report('7');
  report.compare({ case: found, column: 'x', type: 'DOUBLE', reader: 'readParquet' }, [1, -0], [1, 0]);
  const text = report.lines(file => `again --seed 7 --only ${file}`).join('\n');
  for (const part of [
    'a.parquet',
    'pyarrow: zstd',
    'x (DOUBLE)',
    'readParquet',
    'row 1: -0',
    'again --seed 7 --only a.parquet',
  ])
    expect(text).toContain(part);
  expect(report.differences).toHaveLength(1);
});

test.each([
  ['a missing row', [1, 2], [1]],
  ['a bigint for a number', [1], [1n]],
  ['a Date of another millisecond', [new Date(1)], [new Date(2)]],
  [
    'another order of a Map',
    [
      new Map([
        [1, 1],
        [2, 2],
      ]),
    ],
    [
      new Map([
        [2, 2],
        [1, 1],
      ]),
    ],
  ],
  ['a field too many', [{ a: 1 }], [{ a: 1, b: null }]],
  ['undefined for null', [null], [undefined]],
])('%s is a difference', (_, expected, got) => {
  const report = new Report('7');
  report.compare({ case: found, column: 'x', type: '', reader: '' }, expected, got);
  expect(report.differences).toHaveLength(1);
});

test('a NaN equals another one', () => {
  const report = new Report('7');
  report.compare({ case: found, column: 'x', type: '', reader: '' }, [Number.NaN], new Float64Array([Number.NaN]));
  expect(report.differences).toHaveLength(0);
});
