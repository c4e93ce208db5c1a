import { expect, test } from 'vitest';
import { tableOf } from './table.js';

const widths = (text: string) => text.split('\n').map(line => line.length);
const isNumber = (column: number) => column === 1;

test('a table that fits keeps its width, and a wider one cuts its widest texts', () => {
  const rows = [
    ['short', 7, 'x'.repeat(50)],
    ['s', 123_456, 'y'.repeat(20)],
  ];
  const whole = tableOf(['a', 'n', 'text'], rows, isNumber, null);
  expect(new Set(widths(whole))).toEqual(new Set([71]));
  expect(tableOf(['a', 'n', 'text'], rows, isNumber, 71)).toBe(whole);
  const cut = tableOf(['a', 'n', 'text'], rows, isNumber, 50).split('\n');
  const note = cut.pop();
  expect(note).toContain('are cut');
  expect(new Set(cut.map(line => line.length))).toEqual(new Set([50]));
  expect(cut[3]).toBe(`│ short │      7 │ ${'x'.repeat(28)}… │`);
  expect(cut[4]).toContain(`│ s     │ 123456 │ ${'y'.repeat(20)} `);
});

test('numbers are never cut, and no column gets narrower than what one can read', () => {
  const cut = tableOf(['n', 'a', 'b'], [[1e20, 'a'.repeat(40), '表'.repeat(20)]], column => column === 0, 10);
  expect(cut).toContain('100000000000000000000');
  expect(cut).toContain(`${'a'.repeat(11)}…`);
  expect(cut).toContain(`${'表'.repeat(5)}… `);
});
