import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from '../duckdb.js';
import { literal, schemaMap } from '../sql.js';
import { journalRow, rejectedRow } from '../testing.js';
import { commitFile } from './commit-file.js';
import { type JournalRow, journalColumns } from './row.js';

async function readBack(rows: readonly JournalRow[], options = ''): Promise<Record<string, unknown>[]> {
  const path = join(temporaryFolder(), 'commit.parquet');
  writeFileSync(path, commitFile(rows));
  const database = await openMemoryDatabase({ memoryMb: 128, threads: 1 });
  try {
    return await query(database.connection, `SELECT * FROM read_parquet(${literal(path)}${options})`);
  } finally {
    database.close();
  }
}

/** Returns the row as DuckDB reads it. */
const asRead = (row: JournalRow) =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (value === null || typeof value === 'string') return [name, value];
      return [name, name.endsWith('_at') || name.endsWith('_utc') ? new Date(value) : BigInt(value)];
    }),
  );

const rows = [
  journalRow({ meta_json: '{"a":"☃ 😀"}', inputs: '["a/b/c/d"]', bytes: 2 ** 53 - 1 }),
  journalRow({ seq: 2, status: 'duplicate', rows: 0, created_at_utc: Date.UTC(1969, 11, 31, 23, 59, 59, 999) }),
  rejectedRow({ seq: 3, run_id: null, producer: null, kind: null, manifest_sha256: null, created_at_utc: null }),
];

test('DuckDB reads every column as it was written, NULLs and all', async () => {
  expect(await readBack(rows)).toEqual(rows.map(asRead));
});

test('DuckDB sees the types that the views declare, without being told', async () => {
  const path = join(temporaryFolder(), 'commit.parquet');
  writeFileSync(path, commitFile(rows));
  const database = await openMemoryDatabase({ memoryMb: 128, threads: 1 });
  try {
    const types = await query(database.connection, `DESCRIBE SELECT * FROM read_parquet(${literal(path)})`);
    expect(types.map(row => ({ name: row.column_name, type: row.column_type }))).toEqual(
      journalColumns.map(({ name, type }) => ({ name, type })),
    );
  } finally {
    database.close();
  }
});

test('an empty commit, and one of ten thousand rows, can be read under the views’ explicit schema', async () => {
  const schema = `, schema = ${schemaMap(journalColumns)}`;
  expect(await readBack([], schema)).toEqual([]);
  const many = Array.from({ length: 10_000 }, (_, i) => journalRow({ seq: i + 1, job_id: `job-${i}` }));
  expect(await readBack(many, schema)).toEqual(many.map(asRead));
});

test('a reader of a later version finds NULL in a column that this file does not have yet', async () => {
  const schema = schemaMap([...journalColumns, { name: 'added_later', type: 'VARCHAR' }]);
  const [row] = await readBack([journalRow()], `, schema = ${schema}`);
  expect(row).toEqual({ ...asRead(journalRow()), added_later: null });
});
