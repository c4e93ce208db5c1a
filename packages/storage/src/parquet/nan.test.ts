import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { literal } from '@quantbot/bus-format/sql';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { withMemoryConnection } from '../duckdb/memory-instance.js';
import { readParquet, readParquetColumns } from './read-parquet.js';
import { scanParquet } from './scan-parquet.js';

const placeholder = 1.2345678912345;

/**
 * Row groups, one of which has a NaN in each float column, plain and nested. Its minimum and
 * maximum omit the NaN, as most writers do. (DuckDB omits the statistics of such a column, so the
 * test patches the NaN into the file.)
 */
async function file(): Promise<string> {
  const path = join(temporaryFolder(), 'x.parquet');
  const x = `CASE WHEN n = 3000 THEN ${placeholder} ELSE n % 4 END::DOUBLE`;
  const select = `SELECT n, ${x} AS d, (${x})::FLOAT AS f, {'v': ${x}, 'w': {'f': (${x})::FLOAT}} AS s, [${x}] AS l, MAP {'k': ${x}} AS m FROM range(6144) AS t(n)`;
  const options = 'FORMAT parquet, ROW_GROUP_SIZE 2048, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 0';
  await withMemoryConnection(connection => connection.run(`COPY (${select}) TO ${literal(path)} (${options})`));
  const bytes = readFileSync(path);
  replaceAll(bytes, Buffer.from(new Float64Array([placeholder]).buffer), Buffer.from(new Float64Array([NaN]).buffer));
  replaceAll(bytes, Buffer.from(new Float32Array([placeholder]).buffer), Buffer.from(new Float32Array([NaN]).buffer));
  writeFileSync(path, bytes);
  return path;
}

function replaceAll(bytes: Buffer, from: Buffer, to: Buffer): void {
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at)) to.copy(bytes, at);
}

const conditions = [
  'd > 5',
  'f > 5',
  's.v > 5',
  's.w.f > 5',
  "d = 'nan'",
  "f = 'nan'",
  "s.v = 'nan'",
  'NOT (d <= 3)',
  "d IN ('nan', 9)",
  "d BETWEEN 4 AND 'nan'",
  "d IS NOT DISTINCT FROM 'nan'",
  "d >= (SELECT 'nan'::DOUBLE)",
  "d IN (SELECT 'nan'::DOUBLE)",
  'isnan(d)',
  "list_contains(l, 'nan')",
  'l[1] > 5',
  "m['k'] > 5",
  'd > 5 OR n < 0',
];

test('a condition finds the row with NaN, whatever the statistics of the file say', async () => {
  const path = await file();
  for (const where of conditions) {
    expect(await readParquet(path, { columns: ['n'], where }), where).toEqual([{ n: 3000 }]);
    expect(await readParquetColumns(path, { columns: ['n'], where, typedArrays: true }), where).toEqual({
      n: new Float64Array([3000]),
    });
    const scanned: unknown[] = [];
    for await (const rows of scanParquet(path, { columns: ['n'], where })) scanned.push(...rows);
    expect(scanned, where).toEqual([{ n: 3000 }]);
  }
});

test.each(['d', 'f'])('NaN in %s is the greatest value of an order', async column => {
  const path = await file();
  const orderBy = [{ column, direction: 'desc' } as const, 'n'];
  expect(await readParquet(path, { columns: ['n'], orderBy, limit: 2 })).toEqual([{ n: 3000 }, { n: 3 }]);
  const scanned: unknown[] = [];
  for await (const rows of scanParquet(path, { columns: ['n'], orderBy, limit: 2 })) scanned.push(...rows);
  expect(scanned).toEqual([{ n: 3000 }, { n: 3 }]);
});

test('a column may have the name by which the files of rows are known', async () => {
  const path = join(temporaryFolder(), 'x.parquet');
  const select = 'SELECT n AS _quantbot_file_of_row, n * 2 AS _quantbot_file_of_row_, n / 2 AS d FROM range(4) AS t(n)';
  await withMemoryConnection(connection => connection.run(`COPY (${select}) TO ${literal(path)} (FORMAT parquet)`));
  const rows = await readParquet(path, { where: '_quantbot_file_of_row > 2', orderBy: ['d'] });
  expect(rows).toEqual([{ _quantbot_file_of_row: 3, _quantbot_file_of_row_: 6, d: 1.5 }]);
});
