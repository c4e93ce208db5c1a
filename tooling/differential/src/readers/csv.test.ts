import { expect, test } from 'vitest';
import { parseCsv } from './csv.js';

test.each([
  [
    'a,b\n1,2\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  ['""\n', [['']]],
  [',\n', [[null, null]]],
  ['"a""b","c\nd",\n', [['a"b', 'c\nd', null]]],
  ['\n', [[null]]],
])('%j', (text, rows) => {
  expect(parseCsv(text)).toEqual(rows);
});
