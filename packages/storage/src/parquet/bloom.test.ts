import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { literal } from '@quantbot/bus-format/sql';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { withMemoryConnection } from '../duckdb/memory-instance.js';
import { copyExactly } from './copy-exactly.js';
import { readParquet } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';

/** Few values that repeat, so that DuckDB writes a dictionary and a Bloom filter. */
const repeated = (value: string) => `SELECT ${value} AS x, 'k' AS key, range AS n FROM range(100)`;

const conditions = [
  ['BLOB', `'\\xFF\\x00'::BLOB`, `x = '\\xFF\\x00'::BLOB`],
  ['BLOB', `'\\xFF\\x00'::BLOB`, `x IN (SELECT '\\xFF\\x00'::BLOB)`],
  ['DOUBLE', `0.0::DOUBLE`, `x = '-0.0'::DOUBLE`],
  ['DOUBLE', `'nan'::DOUBLE`, `x = -('nan'::DOUBLE)`],
  ['FLOAT', `0.0::FLOAT`, `x IN (SELECT '-0.0'::FLOAT)`],
] as const;

test.each(conditions)('a condition on a %s finds its rows in a file of DuckDB: %s, %s', async (_, value, where) => {
  const path = join(temporaryFolder(), 'p=1', 'x.parquet');
  mkdirSync(dirname(path));
  await withMemoryConnection(connection =>
    connection.run(`COPY (${repeated(value)}) TO ${literal(path)} (FORMAT parquet)`),
  );
  for (const hivePartitioning of [false, true]) {
    const options = { where, columns: ['n'], hivePartitioning };
    expect(await readParquet(path, options)).toHaveLength(100);
    let scanned = 0;
    for await (const batch of scanParquet(path, options)) scanned += batch.length;
    expect(scanned).toBe(100);
  }
});

test.each(conditions)('any reader finds the rows of a %s in a file that we wrote: %s, %s', async (_, value, where) => {
  const path = join(temporaryFolder(), 'x.parquet');
  await withMemoryConnection(async connection => {
    await copyExactly(connection, { sql: repeated(value), path, options: 'FORMAT parquet', readBack: true });
    const reader = await connection.runAndReadAll(`SELECT count(*) FROM ${literal(path)} WHERE ${where}`);
    expect(reader.getRowsJS()).toEqual([[100n]]);
  });
});
