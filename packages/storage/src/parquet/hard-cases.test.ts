import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isInSample } from '@quantbot/tooling-config/campaign';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { readParquet, readParquetColumns } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';
import { writeParquet } from './write-parquet.js';

const moreThanAreHeldOpen = 260;

async function manyFiles(folder: string): Promise<string[]> {
  const paths = Array.from({ length: moreThanAreHeldOpen }, (_, i) =>
    join(folder, `${String(i).padStart(3, '0')}.parquet`),
  );
  const text = Array.from({ length: 5000 }, (_, i) => `${i} of a text that does not fit into an entry`);
  await writeParquet(paths[0]!, { n: text.map((_, i) => i), text }, { n: 'BIGINT', text: 'VARCHAR' });
  for (const path of paths.slice(1)) copyFileSync(paths[0]!, path);
  return paths;
}

/** Scans to the end, doing something after the first batch. */
async function scanAnd(source: string, act: () => void): Promise<number> {
  let rows = 0;
  for await (const batch of scanParquet(source)) {
    if (rows === 0) act();
    rows += batch.length;
  }
  return rows;
}

test('a scan of a file with a damaged page is an error, although nobody has touched the file meanwhile', async () => {
  const path = join(temporaryFolder(), 'damaged.parquet');
  const count = 400_000;
  const text = Array.from({ length: count }, (_, i) => `${i * 7919} of some text ${i % 977}`);
  await writeParquet(path, { text }, { text: 'VARCHAR' }, { rowGroupSize: 20_480 });
  const bytes = readFileSync(path);
  bytes.fill(0xa5, Math.floor(bytes.length * 0.8), Math.floor(bytes.length * 0.8) + 2000);
  writeFileSync(path, bytes);
  await expect(scanAnd(path, () => {})).rejects.toMatchObject({ code: 'SCAN_INCOMPLETE' });
  await expect(readParquetColumns(path)).rejects.toMatchObject({ name: 'StorageError' });
});

test.skipIf(!isInSample('of files that are too many to be held open, one that is removed'))(
  'of files that are too many to be held open, one that is removed in mid-scan is an error',
  { tags: ['campaign'] },
  async () => {
    const folder = temporaryFolder();
    const paths = await manyFiles(folder);
    await expect(scanAnd(folder, () => rmSync(paths.at(-3)!))).rejects.toMatchObject({ code: 'SCAN_INCOMPLETE' });
  },
);

test.skipIf(!isInSample('of files that are too many to be held open, one that is replaced'))(
  'of files that are too many to be held open, one that is replaced in mid-scan is an error',
  { tags: ['campaign'] },
  async () => {
    const folder = temporaryFolder();
    const paths = await manyFiles(folder);
    const other = join(temporaryFolder(), 'other.parquet');
    await writeParquet(other, [{ n: -1, text: 'new' }], { n: 'BIGINT', text: 'VARCHAR' });
    await expect(scanAnd(folder, () => renameSync(other, paths.at(-3)!))).rejects.toMatchObject({
      code: 'FILE_CHANGED',
    });
  },
);

test('names that mean something in a glob or in SQL are read as names, also when there are too many files to hold open', async () => {
  const folder = join(temporaryFolder(), "it's [a] {b}*?");
  mkdirSync(folder);
  await manyFiles(folder);
  expect(await readParquet(folder, { columns: ['n'], where: 'n = ?', params: [7] })).toHaveLength(moreThanAreHeldOpen);
});

test('column names with quotes are names', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  await writeParquet(path, [{ 'we"ird': 1 }, { 'we"ird': 2 }], { 'we"ird': 'BIGINT' });
  const rows = await readParquet(path, { columns: ['we"ird'], orderBy: { column: 'we"ird', direction: 'desc' } });
  expect(rows).toEqual([{ 'we"ird': 2 }, { 'we"ird': 1 }]);
});

test('an integer parameter is compared exactly, also beyond what a double holds', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  await writeParquet(path, [{ n: 2n ** 53n + 1n }, { n: 2n ** 53n - 1n }], { n: 'BIGINT' });
  const where = { where: 'n > ?', params: [Number.MAX_SAFE_INTEGER], int64: 'bigint' } as const;
  expect(await readParquet(path, where)).toEqual([{ n: 2n ** 53n + 1n }]);
  const types = await readParquet<{ n: bigint }>(path, {
    where: "typeof(?) = 'INTEGER'",
    params: [5],
    int64: 'bigint',
  });
  expect(types).toHaveLength(2);
});

test('a time in a condition is in UTC, whatever the machine thinks', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  const ts = new Date('2026-01-31T23:30:00Z');
  await writeParquet(path, [{ ts }], { ts: 'TIMESTAMP WITH TIME ZONE' });
  expect(await readParquet(path, { where: 'CAST(ts AS DATE) = ?', params: ['2026-01-31'] })).toEqual([{ ts }]);
});

test('what is finer than a millisecond is cut off towards the past, before 1970 too', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  await writeParquet(path, [{ ts: -1n }, { ts: -1001n }, { ts: 1999n }], { ts: 'TIMESTAMP' });
  expect((await readParquetColumns(path)).ts).toEqual([new Date(-1), new Date(-2), new Date(1)]);
  expect((await readParquetColumns(path, { timestamp: 'micros' })).ts).toEqual([-1n, -1001n, 1999n]);
});

test('texts that differ in any one place are never taken for each other', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  // All 12 bytes that stand in an entry, one place at a time, then longer ones that share their
  // beginning.
  const short = Array.from({ length: 12 }, (_, at) =>
    [...'abcdefghijklmnopqrstuvwxyz'].map(c => '............'.slice(0, at) + c + '...........'.slice(at)),
  );
  const text = [...short.flat(), ...Array.from({ length: 1500 }, (_, i) => `the same beginning ${i}`)];
  await writeParquet(path, { text: [...text, ...text] }, { text: 'VARCHAR' });
  expect((await readParquetColumns(path)).text).toEqual([...text, ...text]);
});
