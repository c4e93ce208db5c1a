import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openMemoryDatabase, query } from './duckdb.js';
import { literal } from './sql.js';

test('a database in memory keeps nothing of the files that it read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'duckdb-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { connection, close } = await openMemoryDatabase({ memoryMb: 64, threads: 1 });
  onTestFinished(close);
  const file = literal(join(folder, 'a.parquet'));
  await query(connection, `COPY (SELECT range AS n FROM range(10000)) TO ${file} (FORMAT parquet)`);
  expect(await query(connection, `SELECT sum(n)::BIGINT AS n FROM read_parquet(${file})`)).toEqual([
    { n: 49_995_000n },
  ]);
  expect(await query(connection, 'SELECT * FROM duckdb_external_file_cache()')).toEqual([]);
});
