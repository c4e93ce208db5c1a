import { expect, test } from 'vitest';
import { csvOf } from './csv.js';

test('an answer becomes CSV that says NULL and empty text apart, and quotes what needs it', () => {
  const columns = ['BIGINT', 'VARCHAR', 'TIMESTAMP', 'STRUCT(a BIGINT)'].map(type => ({ name: `a ${type}`, type }));
  const rows = [
    [1, 'x', '2024-01-01T10:00:00Z', { a: 1 }],
    [null, '', null, null],
    [-2, 'a "b",\nc', '2024-01-01T10:00:00.5Z', null],
  ];
  expect(csvOf({ columns, rows })).toBe(
    [
      'a BIGINT,a VARCHAR,a TIMESTAMP,a STRUCT(a BIGINT)',
      '1,x,2024-01-01 10:00:00,"{""a"":1}"',
      ',"",,',
      '-2,"a ""b"",\nc",2024-01-01 10:00:00.5,',
      '',
    ].join('\r\n'),
  );
});
