import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { duckdb } from '../../test/support/duckdb.js';
import { temporaryFolder } from '../../test/support/folders.js';
import { verdictOf } from '../../test/support/verdict.js';
import { readParquetFooter } from './footer.js';

/** A file that DuckDB wrote, and the place of the first Bloom filter in it. */
async function filteredFile(rows: number, distinct: number): Promise<{ bytes: Buffer; at: number }> {
  const path = join(temporaryFolder(), 'filtered.parquet');
  await duckdb(
    `COPY (SELECT (range % ${distinct})::INTEGER AS id, 'w' || range % 5 AS word FROM range(${rows}))
     TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 4096, DICTIONARY_SIZE_LIMIT 4096)`,
  );
  const [first] = await duckdb(
    `SELECT min(bloom_filter_offset)::INTEGER AS at, count(bloom_filter_offset)::INTEGER AS n FROM parquet_metadata('${path}')`,
  );
  expect(first?.n).toBeGreaterThan(0);
  return { bytes: readFileSync(path), at: first?.at as number };
}

test('files with Bloom filters are read, wherever the filters lie', async () => {
  const folder = temporaryFolder();
  expect(await verdictOf((await filteredFile(100, 7)).bytes, folder)).toBe('100 rows');
  const { bytes, at } = await filteredFile(200_000, 4000);
  expect(bytes.length - at).toBeGreaterThan(128 * 1024); // not in the part that is read with the footer
  expect(await verdictOf(bytes, folder)).toBe('200000 rows');
});

/** Numbers of Thrift, each as long as the one that DuckDB wrote. */
test.each([
  ['no blocks', [0x80, 0x00]],
  ['a negative size', [0xff, 0x00]],
  ['half a block', [0xa0, 0x00]],
  ['more bytes than the file has', [0x80, 0x7f]],
  ['a size that does not end', [0x80, 0x80]],
])('a Bloom filter with %s makes the file NOT_PARQUET', async (_what, size) => {
  const { bytes, at } = await filteredFile(1000, 60);
  expect(bytes[at]).toBe(0x15); // field 1, a number
  expect(bytes[at + 1]).toBeGreaterThanOrEqual(0x80); // of two bytes
  expect(await verdictOf(bytes, temporaryFolder())).toBe('1000 rows');
  Buffer.from(size).copy(bytes, at + 1);
  expect(await verdictOf(bytes, temporaryFolder())).toBe('NOT_PARQUET');
});

/** A positive number of two bytes. */
const number = (value: number) => Buffer.from([((2 * value) & 0x7f) | 0x80, (2 * value) >> 7]);

test.each([
  ['in the footer', -40],
  ['behind the file', 40],
])('a Bloom filter that lies %s makes the file NOT_PARQUET', async (_where, fromEnd) => {
  const { bytes, at } = await filteredFile(1000, 60);
  const place = bytes.lastIndexOf(number(at));
  expect(place).toBeGreaterThan(at);
  number(bytes.length + fromEnd).copy(bytes, place);
  expect(await verdictOf(bytes, temporaryFolder())).toBe('NOT_PARQUET');
});

test('the error says that a Bloom filter is wrong', async () => {
  const { bytes, at } = await filteredFile(1000, 60);
  Buffer.from([0x80, 0x00]).copy(bytes, at + 1);
  const folder = temporaryFolder();
  await verdictOf(bytes, folder);
  await expect(readParquetFooter(join(folder, 'file.parquet'))).rejects.toThrow(/a Bloom filter claims 0 bytes/);
});
