import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { literal } from '@quantbot/bus-format';
import { openMemoryDatabase, query } from '@quantbot/bus-format/duckdb';
import { expect, onTestFinished, test } from 'vitest';
import { copyToParquet, writePartitions } from './copy.js';
import type { SelectToWrite } from './protocol.js';

function task(sql: string): SelectToWrite & { folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-copy-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return {
    setup: ['CREATE VIEW fills AS SELECT 9007199254740995 - range AS size, range AS n FROM range(2)'],
    sql,
    untrusted: true,
    readable: [],
    file: { compression: 'zstd', readBack: true },
    memoryMb: 256,
    folder,
  };
}

async function rowsOf(sql: string) {
  const database = await openMemoryDatabase({ memoryMb: 256, threads: 1 });
  try {
    return await query(database.connection, sql);
  } finally {
    database.close();
  }
}

const exact = `SELECT n, sum(size) AS total, [sum(size)] AS totals, CASE n WHEN 0 THEN 0.0::DOUBLE ELSE -0.0::DOUBLE END AS z FROM fills GROUP BY n`;

test.each([
  ['one file', []],
  ['a file for each partition', ['n']],
])('an export of a sum keeps every digit, and the sign of zero, in %s', async (_what, partitionBy) => {
  const { folder, ...select } = task(exact);
  const data = join(folder, 'data');
  mkdirSync(data);
  const files = await writePartitions({
    task: 'partition',
    ...select,
    folder: data,
    fileName: 'a.parquet',
    partitionBy,
  });
  expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(2);
  expect(
    await rowsOf(
      `SELECT typeof(total) AS type, total::VARCHAR AS total, totals::VARCHAR AS totals, z::VARCHAR AS z FROM read_parquet(${literal(`${data}/**/*.parquet`)}) ORDER BY total DESC`,
    ),
  ).toEqual([
    { type: 'DECIMAL(38,0)', total: '9007199254740995', totals: '[9007199254740995]', z: '0.0' },
    { type: 'DECIMAL(38,0)', total: '9007199254740994', totals: '[9007199254740994]', z: '-0.0' },
  ]);
});

test('what no file could give back fails with the column, and the order of an export stays', async () => {
  const { folder, ...select } = task("SELECT n, 'infinity'::TIMESTAMP_S AS at FROM fills");
  await expect(copyToParquet({ task: 'copy', ...select, path: join(folder, 'x') })).rejects.toMatchObject({
    code: 'VALUE_INVALID',
    message: expect.stringContaining('at (TIMESTAMP_S)'),
  });
  const ordered = task('SELECT n, n::HUGEINT AS h FROM fills');
  const path = join(ordered.folder, 'x.parquet');
  await copyToParquet({ task: 'copy', ...ordered, path, file: { compression: 'zstd', orderBy: 'h DESC' } });
  expect(await rowsOf(`SELECT n FROM ${literal(path)}`)).toEqual([{ n: 1n }, { n: 0n }]);
});

async function partitionsOf(sql: string, columns = '*') {
  const { folder, ...select } = task(sql);
  const data = join(folder, 'data');
  mkdirSync(data);
  const partitionBy = ['part'];
  await writePartitions({ task: 'partition', ...select, folder: data, fileName: 'a.parquet', partitionBy });
  return rowsOf(
    `SELECT ${columns} FROM read_parquet(${literal(`${data}/**/*.parquet`)}, hive_partitioning = true) ORDER BY x`,
  );
}

test('texts that look like NULL, a number, or a part of a path stay what they are as partitions', async () => {
  const like = [
    'NULL',
    'null',
    'nUlL',
    '__HIVE_DEFAULT_PARTITION__',
    '007',
    '1e3',
    '2026-01-02',
    'a/b',
    'a=b',
    '.',
    '..',
  ];
  const texts = [...like, '', ' ', 'x', '\ufeffx', '%20', "it's", '\n', 'é', 'a\0b', '\0', 'x'.repeat(300), null];
  const values = texts.map((text, x) => `(${x}, ${text === null ? 'NULL' : literal(text)})`).join(', ');
  expect(await partitionsOf(`SELECT * FROM (VALUES ${values}) t(x, part)`)).toEqual(
    texts.map((part, x) => ({ x, part })),
  );
});

test.each([
  ['DOUBLE', ['-0.0', '0.0', '0.1', 'nan', '-inf']],
  ['TIMESTAMP_NS', ['infinity', '1677-09-22 00:00:00', '2262-04-11 23:47:16.854775806']],
  ['BLOB', ['\\x00\\xFF', 'a']],
  ['DECIMAL(38,10)', ['0.0000000001', '-9999999999999999999999999999.9999999999']],
  ['STRUCT(a INTEGER[])', ["{'a': [1, NULL]}", "{'a': NULL}"]],
])('a partition of %s has its values and its type', async (type, texts) => {
  const values = texts.map((text, x) => `(${x}, ${literal(text)}::${type})`).join(', ');
  const rows = await partitionsOf(
    `SELECT * FROM (VALUES ${values}) t(x, part)`,
    'x, CAST(part AS VARCHAR), typeof(part)',
  );
  expect(rows).toEqual(
    await rowsOf(`SELECT x, CAST(part AS VARCHAR), typeof(part) FROM (VALUES ${values}) t(x, part)`),
  );
});

test('values that differ only in case keep their rows apart, also beside the folders that a dataset has', async () => {
  const { folder, ...select } = task(`SELECT * FROM (VALUES (1, 'a', 'X'), (2, 'A', 'x'), (3, 'A', 'X')) t(x, p, q)`);
  const part = { task: 'partition' as const, ...select, fileName: 'a.parquet', partitionBy: ['p', 'q'] };
  const paths: string[][] = [];
  for (const [name, taken] of [
    ['new', []],
    ['known', ['p-a/q-x/0.parquet']],
  ] as const) {
    const data = join(folder, name);
    mkdirSync(data);
    paths.push((await writePartitions({ ...part, folder: data, taken: [...taken] })).map(({ path }) => path));
    const read = `read_parquet(${literal(`${data}/**/*.parquet`)})`;
    expect(await rowsOf(`SELECT x, p, q FROM ${read} ORDER BY x`)).toEqual([
      { x: 1, p: 'a', q: 'X' },
      { x: 2, p: 'A', q: 'x' },
      { x: 3, p: 'A', q: 'X' },
    ]);
  }
  expect(paths).toEqual([
    ['p-A/q-X/a.parquet', 'p-A/q-%78/a.parquet', 'p-%61/q-X/a.parquet'],
    ['p-%41/q-%58/a.parquet', 'p-%41/q-x/a.parquet', 'p-a/q-%58/a.parquet'],
  ]);
});

test('a task of the daemon finds nothing that the one before it has left, whether that failed or not', async () => {
  const ours = (n: number, sql = 'FROM _rows.t') => ({
    ...task(sql),
    setup: ['CREATE SCHEMA _bus', 'CREATE SCHEMA _rows', `CREATE VIEW _rows.t AS SELECT ${n} AS n`],
    untrusted: false,
  });
  const write = ({ folder, ...select }: ReturnType<typeof ours>, partitionBy: string[] = []) =>
    writePartitions({ task: 'partition', ...select, folder, fileName: 'a.parquet', partitionBy });
  const [first, second] = [ours(1), ours(2)];
  await write(first);
  await expect(write(ours(0, 'SELECT error(n::VARCHAR) AS n FROM _rows.t'))).rejects.toThrow();
  await write(second);
  expect(await rowsOf(`FROM read_parquet(${literal(join(first.folder, 'a.parquet'))})`)).toEqual([{ n: 1 }]);
  expect(await rowsOf(`FROM read_parquet(${literal(join(second.folder, 'a.parquet'))})`)).toEqual([{ n: 2 }]);
  const parts = [ours(3, 'SELECT n, 0 AS x FROM _rows.t'), ours(4, 'SELECT n, 0 AS x FROM _rows.t')];
  const written = [];
  for (const part of parts) written.push(...(await write(part, ['n'])));
  expect(written.map(({ path }) => path)).toEqual(['n-3/a.parquet', 'n-4/a.parquet']);
  await expect(write({ ...ours(5), setup: [] })).rejects.toThrow('_rows');
});

test('a database to which another one was attached, such as a lake, is not used again', async () => {
  const { folder, ...select } = task('SELECT a FROM t');
  const setup = [`ATTACH ':memory:' AS other`, 'USE other', 'CREATE SCHEMA _bus', 'CREATE TABLE t AS SELECT 1 AS a'];
  for (const name of ['one', 'two']) {
    const path = join(folder, `${name}.parquet`);
    expect(await copyToParquet({ task: 'copy', ...select, untrusted: false, setup, path })).toEqual({ rows: 1 });
  }
});
