import { expect, test } from 'vitest';
import { tableOf } from './table.js';

const widths = (text: string) => text.split('\n').map(line => line.length);
const isNumber = (column: number) => column === 1;
const isNumberOf = (row: readonly unknown[]) => (column: number) => typeof row[column] === 'number';

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

test('numbers and times are never cut, and no column gets narrower than what one can read', () => {
  const cut = tableOf(['n', 'a', 'b'], [[1e20, 'a'.repeat(40), '表'.repeat(20)]], column => column === 0, 60);
  expect(cut).toContain('100000000000000000000');
  expect(cut).toContain(`${'a'.repeat(11)}…`);
  expect(cut).toContain(`${'表'.repeat(5)}… `);
  const at = new Date('2026-11-29T20:24:14.237Z');
  expect(tableOf(['at', 'a'], [[at, 'a'.repeat(40)]], () => false, 40)).toContain('│ 2026-11-29T20:24:14Z │ aaaa');
});

test('columns that do not fit are left out from the end, and a note names them', () => {
  const row = [1, 'a'.repeat(40), 'b'.repeat(40), 2, 'c'.repeat(40)];
  const lines = tableOf(['n', 'a', 'b', 'm', 'c'], [row], isNumberOf(row), 38).split('\n');
  const note = lines.pop();
  expect(note).toContain('There is no room for the columns m, c.');
  expect(note).toContain('are cut');
  expect(Math.max(...widths(lines.join('\n')))).toBeLessThanOrEqual(38);
  expect(lines[3]).toMatch(/^│ 1 │ a+… │ b+… │$/);
  const wide = Array.from({ length: 500 }, (_, i) => `c${i}`);
  const rest = tableOf(wide, [wide.map(() => 1)], () => true, 20)
    .split('\n')
    .pop();
  expect(rest).toMatch(/^There is no room for the columns c3, .*, c10 and 489 more\. A pipe/);
  expect(tableOf(['n', 'a'], [[1, 'x']], isNumberOf([1, 'x']), 5).split('\n')[3]).toBe('│ 1 │');
});
