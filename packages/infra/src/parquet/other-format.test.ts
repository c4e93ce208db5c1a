import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readFooterIn } from './footer.js';
import { otherFormat } from './other-format.js';

const files: [Buffer, string | undefined][] = [
  [Buffer.from('time,price\n1,2.5\n'), 'a CSV file'],
  [Buffer.from('time;price\n'), 'a CSV file'],
  [Buffer.from(`größe,name\n${'ü'.repeat(300)}`), 'a CSV file'],
  [Buffer.from('[{"a": 1}]'), 'a JSON file'],
  [Buffer.from('\uFEFF {"a": 1}'), 'a JSON file'],
  [Buffer.from('hello there, no'), 'a CSV file'],
  [Buffer.from('hello there\nagain'), 'a text file'],
  [Buffer.from('ARROW1\0\0'), 'an Arrow IPC (Feather) file'],
  [gzipSync('time,price'), 'a file compressed with gzip'],
  [Buffer.from('PK\x03\x04...'), 'a ZIP archive (such as .xlsx or .npz)'],
  [Buffer.concat([Buffer.alloc(8), Buffer.from('DUCK'), Buffer.alloc(500)]), 'a DuckDB database'],
  [Buffer.alloc(600), undefined],
  [Buffer.from([0xde, 0xad, 0xbe, 0xef]), undefined],
  [Buffer.alloc(0), undefined],
];

test.each(files)('%# a file is called what it is', (head, name) => {
  expect(otherFormat(head)).toBe(name);
});

test('the error of a CSV calls it one, that of a cut Parquet file does not', () => {
  expect(() => readFooterIn(Buffer.from('time,price\n1,2.5\n'))).toThrow('The file is a CSV file, not Parquet.');
  expect(() => readFooterIn(Buffer.from('a,b\n1,2\n'))).toThrow('The file is a CSV file, not Parquet.');
  expect(() => readFooterIn(Buffer.from('PAR1'))).toThrow('The file has 4 bytes; the smallest Parquet file has more.');
  expect(() => readFooterIn(Buffer.alloc(0))).toThrow('The file has 0 bytes; the smallest Parquet file has more.');
  expect(() => readFooterIn(Buffer.from('PAR1,this,was,cut'))).toThrow('it may be another format, or cut off');
});
