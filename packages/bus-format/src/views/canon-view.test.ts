import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { query } from '../duckdb.js';
import { literal } from '../sql.js';
import { canonView, firstToReadRows } from './canon-view.js';

/** The view as a DuckDB sees it that is too old for the rows. */
const forOlder = (statement: string) => statement.replace(firstToReadRows, 'v9');

/** Creates `canon.t` beside its live row, 1, and its exported row, 2, and reads it. */
async function read(statementOf: (exported: string) => string, ok = true) {
  const exported = join(temporaryFolder(), "it's t.parquet");
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    for (const sql of [
      'CREATE SCHEMA _rows',
      'CREATE SCHEMA canon',
      'CREATE SCHEMA catalog',
      'CREATE VIEW _rows.t AS SELECT 1 AS n, 7 AS _seq, 0 AS _ordinal, 0 AS _row',
      `COPY (SELECT 2 AS n, 6 AS _seq) TO ${literal(exported)} (FORMAT parquet)`,
      `CREATE VIEW catalog.exports_d AS SELECT * FROM (VALUES ('t', ${ok}), ('other', ${!ok})) AS e(name, ok)`,
      statementOf(exported),
    ])
      await connection.run(sql);
    return await query(connection, 'SELECT * FROM canon.t');
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

test('a DuckDB that can read the rows reads them, and an older one the golden export', async () => {
  expect(await read(() => canonView('t'))).toEqual([{ n: 1, _seq: 7 }]);
  expect(await read(path => canonView('t', path))).toEqual([{ n: 1, _seq: 7 }]);
  expect(await read(path => forOlder(canonView('t', path)))).toEqual([{ n: 2, _seq: 6 }]);
});

test('an older DuckDB does not read an export whose last run failed', async () => {
  expect(await read(path => canonView('t', path), false)).toEqual([{ n: 1, _seq: 7 }]);
  await expect(read(path => forOlder(canonView('t', path)), false)).rejects.toThrow(
    /The last golden export of t failed, and DuckDB v1\.5\.6 can read this table only from there\. Upgrade DuckDB/,
  );
});
