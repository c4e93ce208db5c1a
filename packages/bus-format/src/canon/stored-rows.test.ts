import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type MemoryDatabase, openMemoryDatabase, query } from '../duckdb.js';
import { literal } from '../sql.js';
import { rowsInOneScan, storedRows } from './stored-rows.js';

let database: MemoryDatabase;
let folder: string;
beforeAll(async () => {
  database = await openMemoryDatabase({ memoryMb: 512, threads: 4 });
  folder = mkdtempSync(join(tmpdir(), 'quantbot-stored-'));
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

const columns = [
  { name: 'n', type: 'BIGINT' },
  { name: 'file_index', type: 'VARCHAR' },
];

async function fileOf(rows: number): Promise<string> {
  const path = join(folder, `${rows}.parquet`);
  const select = `SELECT i AS n, 'value ' || i AS file_index FROM range(${rows}) t(i)`;
  await database.connection.run(`COPY (${select}) TO ${literal(path)} (FORMAT parquet)`);
  return path;
}

test('the rows of thousands of files keep the order of the files, also where a column has a name of DuckDB', async () => {
  const sizes = [1, 5000, 3];
  const paths = await Promise.all(sizes.map(fileOf));
  const files = Array.from({ length: 2_500 }, (_, i) => ({
    path: paths[i % 7 === 1 ? 1 : (i % 2) * 2] as string,
    seq: 3_000_000_000 + i,
    ordinal: i % 4,
    artifactKey: `run/it's/${i}`,
  }));
  const written = join(folder, 'written.parquet');
  await database.connection.run(`COPY (${storedRows(columns, files)}) TO ${literal(written)} (FORMAT parquet)`);
  const [counts] = await query(
    database.connection,
    `SELECT count(*) AS rows, count(*) FILTER (WHERE place <= before) AS disordered,
       count(*) FILTER (WHERE n <> _row OR file_index <> 'value ' || _row) AS wrong_values,
       count(*) FILTER (WHERE _artifact_key <> 'run/it''s/' || (_seq - 3000000000) OR _ordinal <> _seq % 4) AS wrong_places
     FROM (SELECT *, (_seq * 10 + _ordinal) * 10000 + _row AS place, lag(place) OVER () AS before FROM ${literal(written)})`,
  );
  const rows = files.reduce((sum, { path }) => sum + (sizes[paths.indexOf(path)] as number), 0);
  expect(counts).toEqual({ rows: BigInt(rows), disordered: 0n, wrong_values: 0n, wrong_places: 0n });
});

test('one scan has the rows of compacted files and then of stored ones, also of a column without a name', async () => {
  const unnamed = [columns[0] as (typeof columns)[0], { name: 'word', type: 'VARCHAR', unnamed: true }];
  const compacted = [join(folder, 'compacted-1.parquet'), join(folder, 'compacted-2.parquet')];
  for (const [i, path] of compacted.entries())
    await database.connection.run(
      `COPY (SELECT range AS n, 'c' || range AS word, ${i} AS _seq, 1 AS _ordinal, 7 + range AS _row, 'old' AS _artifact_key FROM range(2))
       TO ${literal(path)} (FORMAT parquet)`,
    );
  const path = join(folder, 'stored.parquet');
  // Columns of a producer that the table does not read: its own has no name here.
  const names = `SELECT range AS n, 99 AS _seq, 'x' AS word FROM range(2)`;
  await database.connection.run(`COPY (${names}) TO ${literal(path)} (FORMAT parquet)`);
  const stored = [5, 6].map(seq => ({ path, seq, ordinal: 3, artifactKey: `new ${seq}` }));
  const rows = await query(database.connection, rowsInOneScan(unnamed, compacted, stored));
  expect(rows.map(row => Object.values(row).join(' '))).toEqual([
    '0 c0 0 1 7 old',
    '1 c1 0 1 8 old',
    '0 c0 1 1 7 old',
    '1 c1 1 1 8 old',
    '0  5 3 0 new 5',
    '1  5 3 1 new 5',
    '0  6 3 0 new 6',
    '1  6 3 1 new 6',
  ]);
  expect(await query(database.connection, rowsInOneScan(unnamed, [], []))).toEqual([]);
});

test('without a file there are columns, and no row', async () => {
  const described = await query(database.connection, `DESCRIBE ${storedRows(columns, [])}`);
  expect(described.map(({ column_name }) => column_name)).toEqual([
    'n',
    'file_index',
    '_seq',
    '_ordinal',
    '_row',
    '_artifact_key',
  ]);
  expect(await query(database.connection, storedRows(columns, []))).toEqual([]);
});
