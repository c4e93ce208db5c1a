import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runIn } from '../test/support/database.js';
import { temporaryFolder } from '../test/support/folder.js';
import { queryError } from './duckdb/run.js';
import { openDuckDb } from './open-duckdb.js';

async function database(rows = 3): Promise<string> {
  const path = join(temporaryFolder(), 'd.duckdb');
  await runIn(path, `CREATE TABLE t AS SELECT range AS n, 'x' || range AS s FROM range(${rows})`);
  return path;
}

test('rows of a query, with parameters that are bound and never text', async () => {
  await using db = await openDuckDb(await database(), { readOnly: true });
  expect(await db.query('SELECT * FROM t WHERE n >= $1 AND s <> $2 ORDER BY n', [1, "' OR true --"])).toEqual([
    { n: 1, s: 'x1' },
    { n: 2, s: 'x2' },
  ]);
});

test('one path can be open several times in a process, and closing one leaves the others', async () => {
  const path = await database();
  const [one, two] = await Promise.all([openDuckDb(path), openDuckDb(path)]);
  await one.close();
  expect(await two.query('SELECT count(*) AS n FROM t')).toEqual([{ n: 3 }]);
  await two.close();
});

test('opening a path again after another database was renamed over it sees the new one', async () => {
  const path = await database(1);
  await using old = await openDuckDb(path);
  renameSync(await database(5), path);
  await using fresh = await openDuckDb(path);
  expect(await old.query('SELECT count(*) AS n FROM t')).toEqual([{ n: 1 }]);
  expect(await fresh.query('SELECT count(*) AS n FROM t')).toEqual([{ n: 5 }]);
});

test('opening and closing many times leaks no file', async () => {
  const { readdirSync } = await import('node:fs');
  const path = await database();
  const open = () => readdirSync('/proc/self/fd').length;
  await (await openDuckDb(path)).close();
  const before = open();
  for (let i = 0; i < 30; i++) await (await openDuckDb(path)).close();
  expect(open()).toBeLessThanOrEqual(before + 2);
});

test.each<[string, () => Promise<unknown>, string]>([
  ['a database that is not there', () => openDuckDb('/no/such.duckdb'), 'DATABASE_NOT_FOUND'],
  [
    'writing',
    async () => (await openDuckDb(await database())).query('CREATE TABLE x AS SELECT 1'),
    'DATABASE_READ_ONLY',
  ],
  ['SQL that is none', async () => (await openDuckDb(await database())).query('SELEC'), 'QUERY_FAILED'],
])('refuses %s with a code and a hint', async (_, work, code) => {
  await expect(work()).rejects.toMatchObject({ code, hint: expect.any(String) });
});

test('what a damaged file causes is no fault of the SQL', async () => {
  const path = join(temporaryFolder(), 'f.parquet');
  await runIn(':memory:', `COPY (SELECT range AS n FROM range(5000)) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`);
  await using db = await openDuckDb(await database());
  const good = readFileSync(path);
  const footer = good.length - 8 - good.readInt32LE(good.length - 8);
  const flipped = [4, footer + 1, good.length - 5, good.length - 1].map(place => {
    const bytes = Buffer.from(good);
    bytes[place] = (bytes[place] as number) ^ 0xff;
    return bytes;
  });
  const refused = { code: 'READ_FAILED', hint: expect.stringContaining('quantbot-bus verify') };
  const read = () => db.query(`SELECT sum(n) FROM read_parquet('${path}')`);
  for (const bytes of [...flipped, '', good.subarray(0, 11), good.subarray(0, -1)]) {
    writeFileSync(path, bytes);
    await expect(read(), `${bytes.length} bytes`).rejects.toMatchObject(refused);
  }
  rmSync(path);
  await expect(read()).rejects.toMatchObject(refused);
});

test.each([
  'Invalid Input Error: Failed to read file "/f": Unsupported compression codec "LZ4". Supported options are …',
  'Invalid Error: Delta Length Byte Array encoding is only supported for string/blob data',
  'Invalid Input Error: Invalid string encoding found in Parquet file "/f": value "\\xFF" is not valid UTF8!',
  'Invalid Input Error: Invalid JSON found in Parquet file: Malformed JSON at byte 0 of input',
])('nobody is sent to restore a sound file that DuckDB cannot read: %s', message => {
  const hint = expect.stringMatching(/^Read other columns, or write (?!.*restore).* not damaged\.$/);
  expect(queryError(new Error(message))).toMatchObject({ code: 'READ_FAILED', hint });
});

test.each([
  ["Invalid Input Error: Invalid footer length provided for file '/f'", 'READ_FAILED'],
  ['Invalid Input Error: Parquet footer length stored in file is not equal to footer length provided', 'READ_FAILED'],
  ["HTTP Error: HTTP GET error reading 's3://b/f' in region 'r' (HTTP 416 Range Not Satisfiable)", 'READ_FAILED'],
  ['HTTP Error: Content-Length from server mismatches requested range, server may not support it', 'READ_FAILED'],
  ['HTTP Error: Could not connect to server', 'READ_FAILED'],
  ['Invalid Input Error: Parquet', 'QUERY_FAILED'],
])('the message of DuckDB "%s" is %s', (message, code) => {
  expect(queryError(new Error(message))).toMatchObject({ code });
});

test('a query without enough memory is told what to do', () => {
  const message = 'Out of Memory Error: failed to pin block of size 256.0 KiB (95.2 MiB/95.3 MiB used)';
  const hint = expect.stringContaining('raise `memory_limit`');
  expect(queryError(new Error(message))).toMatchObject({ code: 'READ_FAILED', hint });
});
