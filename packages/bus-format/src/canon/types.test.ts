import { readFileSync } from 'node:fs';
import { withGenerated } from '@quantbot/tooling-config/generated';
import { numbers, writeSelect } from '@quantbot/tooling-testing/parquet';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from '../duckdb.js';
import { literal, schemaMap } from '../sql.js';
import { mayHold } from './exact.js';
import { canonicalType, fieldsIn, fits, widened } from './types.js';

const types = [
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
  'FLOAT',
  'DOUBLE',
  'DECIMAL(9,2)',
  'DECIMAL(18,2)',
  'DECIMAL(18,4)',
  'DECIMAL(38,10)',
  'VARCHAR',
  'JSON',
  'BOOLEAN',
  'DATE',
  'TIMESTAMP',
  'TIMESTAMP_NS',
  'TIMESTAMP WITH TIME ZONE',
  'BLOB',
  'BIGINT[]',
];

/**
 * A line per type of a table's column, a character per type of a file's column, both in the order
 * of `types`.
 */
function fitTable(): string {
  const width = Math.max(...types.map(type => type.length)) + 1;
  const mark = (file: string, table: string) => (fits(file, table) ? 'x' : mayHold(file, table) ? 'o' : '.');
  const marks = (table: string) => types.map(file => mark(file, table)).join('');
  return types.map(table => table.padEnd(width) + marks(table)).join('\n');
}

test('docs/reference/type-mapping.md has which type of a file fits which of a table (else: pnpm docs:types)', async () => {
  const page = new URL('../../../../docs/reference/type-mapping.md', import.meta.url).pathname;
  const block = `\`\`\`text\n${fitTable()}\n\`\`\``;
  const whole = withGenerated(readFileSync(page, 'utf8'), 'packages/bus-format/src/canon/types.ts', block);
  await expect(whole).toMatchFileSnapshot(page);
});

const extremes: Record<string, string[]> = {
  TINYINT: ['-128', '127'],
  SMALLINT: ['-32768', '32767'],
  INTEGER: ['-2147483648', '2147483647'],
  BIGINT: ['-9223372036854775808', '9223372036854775807'],
  UTINYINT: ['0', '255'],
  USMALLINT: ['0', '65535'],
  UINTEGER: ['0', '4294967295'],
  UBIGINT: ['0', '18446744073709551615'],
  FLOAT: ['-3.4028235e38', '1.17549435e-38', '0.1', "'nan'", "'inf'", '-0.0'],
  DOUBLE: ['-1.7976931348623157e308', '5e-324', "'nan'", '-0.0'],
  'DECIMAL(9,2)': ['-9999999.99', '9999999.99'],
  'DECIMAL(18,2)': ['-9999999999999999.99', '0.01'],
  'DECIMAL(18,4)': ['-99999999999999.9999', '0.0001'],
  'DECIMAL(38,10)': ['-9999999999999999999999999999.9999999999', '0.0000000001'],
  VARCHAR: ["''", "'☃'"],
  JSON: [`'{"a":1}'`],
  BOOLEAN: ['true', 'false'],
  DATE: ["'0001-01-01'", "'9999-12-31'"],
  TIMESTAMP: ["'1677-09-22 00:00:00.000001'", "'2026-02-03 04:05:06.789012'"],
  TIMESTAMP_NS: [
    "'1677-09-22 00:00:00.000000001'",
    "'2026-02-03 04:05:06.789012345'",
    "'2262-04-11 23:47:16.854775806'",
  ],
  'TIMESTAMP WITH TIME ZONE': ["'2026-02-03 04:05:06.789012+00'"],
  BLOB: ["'\\x00\\xFF'"],
  'BIGINT[]': ['[1, NULL]', '[]'],
};

test('whatever fits is read as the type of the table without loss, down to the extreme values', async () => {
  const folder = temporaryFolder();
  const database = await openMemoryDatabase({ memoryMb: 256, threads: 1 });
  try {
    for (const file of types) {
      const values = extremes[file]?.map(value => `(CAST(${value} AS ${file}))`);
      const path = await writeSelect(folder, `SELECT x FROM (VALUES ${values}, (CAST(NULL AS ${file}))) t(x)`);
      for (const table of types.filter(t => fits(file, t))) {
        const read = `read_parquet(${literal(path)}, schema = ${schemaMap([{ name: 'x', type: table }])})`;
        const [row] = await query<{ type: string; lost: bigint; n: bigint }>(
          database.connection,
          `SELECT any_value(typeof(x)) AS type, count(*) AS n FROM ${read}`,
        );
        expect(row, `${file} as ${table}`).toEqual({ type: table, n: BigInt((values?.length ?? 0) + 1) });
        const lost = await query(
          database.connection,
          `SELECT a.x AS was, b.x AS is FROM (SELECT x, file_row_number AS r FROM read_parquet(${literal(path)}, file_row_number = true)) a
           POSITIONAL JOIN ${read} b WHERE CAST(a.x AS VARCHAR) IS DISTINCT FROM CAST(CAST(b.x AS ${file}) AS VARCHAR)`,
        );
        expect(lost, `${file} as ${table}`).toEqual([]);
      }
    }
  } finally {
    database.close();
  }
});

test('a first file fixes integers as BIGINT, floats as DOUBLE, JSON as text, and all else as it is', () => {
  const changed = Object.fromEntries(types.filter(t => canonicalType(t) !== t).map(t => [t, canonicalType(t)]));
  expect(changed).toEqual({
    TINYINT: 'BIGINT',
    SMALLINT: 'BIGINT',
    INTEGER: 'BIGINT',
    UTINYINT: 'BIGINT',
    USMALLINT: 'BIGINT',
    UINTEGER: 'BIGINT',
    FLOAT: 'DOUBLE',
    JSON: 'VARCHAR',
  });
  for (const type of types) expect(fits(type, canonicalType(type)), type).toBe(true);
});

test('only decimals widen: to what holds the digits of both', () => {
  expect(widened('DECIMAL(9,2)', 'DECIMAL(18,4)')).toBe('DECIMAL(18,4)');
  expect(widened('DECIMAL(18,2)', 'DECIMAL(9,6)')).toBe('DECIMAL(22,6)');
  expect(widened('DECIMAL(18,4)', 'DECIMAL(9,2)')).toBe('DECIMAL(18,4)');
  expect(widened('DECIMAL(38,0)', 'DECIMAL(4,2)')).toBeUndefined();
  for (const table of types)
    for (const file of types) {
      const wide = widened(table, file);
      if (fits(file, table)) expect(wide, `${file} into ${table}`).toBe(table);
      else if (wide !== undefined) {
        expect(
          [table, file].every(type => type.startsWith('DECIMAL')),
          `${file} into ${table}`,
        ).toBe(true);
        expect(fits(table, wide) && fits(file, wide), `${file} into ${table}`).toBe(true);
      }
    }
});

test.each([
  ['STRUCT("a" BIGINT)', 'STRUCT("a" BIGINT, "b" VARCHAR)', 'STRUCT("a" BIGINT, "b" VARCHAR)'],
  ['STRUCT("a" BIGINT, "b" VARCHAR)', 'STRUCT("b" VARCHAR)', 'STRUCT("a" BIGINT, "b" VARCHAR)'],
  ['STRUCT("a" BIGINT, "b" VARCHAR)', 'STRUCT("c" DATE, "a" BIGINT)', 'STRUCT("a" BIGINT, "b" VARCHAR, "c" DATE)'],
  ['STRUCT("a" BIGINT)[]', 'STRUCT("a" BIGINT, "b" VARCHAR)[]', 'STRUCT("a" BIGINT, "b" VARCHAR)[]'],
  ['STRUCT("a" STRUCT("x" DATE))', 'STRUCT("a" STRUCT("x" DATE, "y" DATE))', 'STRUCT("a" STRUCT("x" DATE, "y" DATE))'],
  [
    'MAP(BIGINT, STRUCT("a" DATE))',
    'MAP(BIGINT, STRUCT("a" DATE, "b" DATE))',
    'MAP(BIGINT, STRUCT("a" DATE, "b" DATE))',
  ],
  ['STRUCT("a" INTEGER)', 'STRUCT("a" BIGINT)', 'STRUCT("a" BIGINT)'],
  ['BIGINT[]', 'INTEGER[]', 'BIGINT[]'],
  ['STRUCT("a" DECIMAL(9,2))', 'STRUCT("a" DECIMAL(9,4))', 'STRUCT("a" DECIMAL(11,4))'],
  ['STRUCT("a" "NULL", "b" BIGINT)', 'STRUCT("b" BIGINT, "a" DATE)', 'STRUCT("a" DATE, "b" BIGINT)'],
  ['STRUCT("a" BIGINT)', 'STRUCT("b" BIGINT)', undefined],
  ['STRUCT("a" BIGINT)', 'STRUCT("A" BIGINT)', undefined],
  ['STRUCT("a" BIGINT)', 'STRUCT("a" DOUBLE)', undefined],
  ['BIGINT[]', 'DOUBLE[]', undefined],
  ['STRUCT("a" BIGINT)', 'BIGINT', undefined],
  ['BIGINT[]', 'MAP(BIGINT, BIGINT)', undefined],
])('%s and a file with %s give %s', async (table, file, both) => {
  expect(widened(table, file)).toBe(both);
  if (both === undefined) return expect(fits(file, table)).toBe(false);
  expect(fits(file, table)).toBe(both === table);
  expect(fits(table, both) && fits(file, both)).toBe(true);
});

test('nested values of a file are read exactly with the fields of the table, in its order', async () => {
  const folder = temporaryFolder();
  const database = await openMemoryDatabase({ memoryMb: 64, threads: 1 });
  const read = async (select: string, type: string) => {
    const path = await writeSelect(folder, select);
    const sql = `SELECT CAST(x AS VARCHAR) AS x FROM read_parquet(${literal(path)}, schema = ${schemaMap([{ name: 'x', type }])})`;
    return (await query<{ x: string | null }>(database.connection, sql)).map(({ x }) => x);
  };
  try {
    const two = "SELECT unnest([{a: 1::BIGINT, b: 'y'}, NULL]) AS x";
    expect(await read('SELECT unnest([{a: 1::BIGINT}, NULL]) AS x', 'STRUCT("a" BIGINT, "b" VARCHAR)')).toEqual([
      "{'a': 1, 'b': NULL}",
      null,
    ]);
    expect(await read(two, 'STRUCT("b" VARCHAR, "a" BIGINT)')).toEqual(["{'b': y, 'a': 1}", null]);
    await expect(read(two, 'STRUCT("c" BIGINT)')).rejects.toThrow('at least one matching member');
    const list = 'SELECT [{a: 9223372036854775807}, NULL] AS x UNION ALL SELECT []';
    expect(await read(list, 'STRUCT("a" BIGINT, "b" DATE)[]')).toEqual([
      "[{'a': 9223372036854775807, 'b': NULL}, NULL]",
      '[]',
    ]);
  } finally {
    database.close();
  }
});

test('the fields of a type are counted at every depth', () => {
  expect(['BIGINT', 'STRUCT("a" BIGINT, "b" STRUCT("c" DATE)[])[]'].map(fieldsIn)).toEqual([0, 3]);
});

test('DuckDB alone would have lost data here, which is why files are compared before they are read', async () => {
  const folder = temporaryFolder();
  const path = await writeSelect(folder, numbers(1, ', 1.5::DOUBLE AS x'));
  const database = await openMemoryDatabase({ memoryMb: 64, threads: 1 });
  try {
    const [row] = await query(
      database.connection,
      `SELECT x FROM read_parquet(${literal(path)}, schema = ${schemaMap([{ name: 'x', type: 'BIGINT' }])})`,
    );
    expect(row).toEqual({ x: 2n });
  } finally {
    database.close();
  }
});
