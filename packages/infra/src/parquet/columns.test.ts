import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet';
import parquet from 'parquetjs-lite';
import { describe, expect, test } from 'vitest';
import { describeParquet, duckdb } from '../../test/support/duckdb.js';
import { temporaryFolder } from '../../test/support/folders.js';
import { logical, physical, writeSchema } from '../../test/support/schema-file.js';
import { nullType } from './columns.js';
import { readParquetFooter } from './footer.js';

const fixtures = join(import.meta.dirname, '../../fixtures/parquet');

const expressions = [
  'true',
  '1::TINYINT',
  '1::SMALLINT',
  '1::INTEGER',
  '1::BIGINT',
  '1::UTINYINT',
  '1::USMALLINT',
  '1::UINTEGER',
  '1::UBIGINT',
  '1::HUGEINT',
  '1::UHUGEINT',
  '1::BIGNUM',
  '1.5::FLOAT',
  '1.5::DOUBLE',
  '1.5::DECIMAL(4,1)',
  '1.5::DECIMAL(9,3)',
  '1.5::DECIMAL(18,2)',
  '1.5::DECIMAL(38,10)',
  "'é'",
  "'a'::BLOB",
  "'101'::BIT",
  "'a'::ENUM('a', 'b')",
  '\'{"a": 1}\'::JSON',
  'uuid()',
  'NULL',
  "DATE '2026-01-01'",
  "TIME '12:00:00'",
  "TIME_NS '12:00:00'",
  "TIMETZ '12:00:00+01'",
  "INTERVAL '1 day'",
  "TIMESTAMP '2026-01-01'",
  "'2026-01-01'::TIMESTAMP_S",
  "'2026-01-01'::TIMESTAMP_MS",
  "'2026-01-01'::TIMESTAMP_NS",
  "TIMESTAMPTZ '2026-01-01 00:00:00+00'",
  '[1, 2]',
  '[[1], NULL]',
  '[]',
  'ARRAY[1, 2]::INTEGER[2]',
  "{'a': 1, 'b c': 'x', 'd\"q': 1.5::DECIMAL(18,2)}",
  "{'list': [{'inner': {'deep': [1]}}]}",
  "[{'a': 1}]",
  "MAP {'k': 1.5::DOUBLE}",
  "MAP {'k': [1]}",
  "MAP {'k': MAP {1: {'a': true}}}",
  "[MAP {'k': 1}]",
  "'POINT(1 1)'::GEOMETRY",
  '1::VARIANT',
];

/**
 * Returns the types of footer and DESCRIBE side by side, so that a difference shows the column.
 * Those of the footer pass through DuckDB, which quotes only where needed.
 */
async function bothWays(path: string) {
  const { columns } = await readParquetFooter(path);
  // DuckDB reads a column that has no type as integers.
  const casts = columns
    .map(({ type }, index) => `CAST(NULL AS ${type.replaceAll(nullType, 'INTEGER')}) AS c${index}`)
    .join(', ');
  const types = await duckdb(`DESCRIBE SELECT ${casts}`);
  const ours = columns.map(({ name }, index) => ({ name, type: String(types[index]?.column_type) }));
  return { ours, duckdb: await describeParquet(path) };
}

test('a UNION, whose tag has no name, is told as DuckDB tells it', async () => {
  const path = join(temporaryFolder(), 'file.parquet');
  await duckdb(`COPY (SELECT union_value(num := 1) AS x) TO '${path}' (FORMAT PARQUET)`);
  const { columns } = await readParquetFooter(path);
  expect(columns.map(({ name, type }) => ({ name, type }))).toEqual(await describeParquet(path));
});

test('a repeated VARIANT is a list', async () => {
  const path = join(temporaryFolder(), 'file.parquet');
  const children = ['metadata', 'value'].map(name => ({ name, type: physical('BYTE_ARRAY'), repetition: 0 }));
  writeSchema(path, [{ name: 'x', repetition: 2, logical: logical('VARIANT'), children }]);
  const { columns } = await readParquetFooter(path);
  expect(columns.map(({ name, type }) => ({ name, type }))).toEqual(await describeParquet(path));
  expect(columns[0]?.type).toBe('VARIANT[]');
});

describe('columns have the names and types that DuckDB gives them', () => {
  test.each(expressions)('written by DuckDB: %s', async expression => {
    const path = join(temporaryFolder(), 'file.parquet');
    await duckdb(`COPY (SELECT ${expression} AS x) TO '${path}' (FORMAT PARQUET)`);
    const { ours, duckdb: theirs } = await bothWays(path);
    expect(ours).toEqual(theirs);
  });

  test.each(['V1', 'BOTH'])('every expression in one file, Parquet version 2, GeoParquet %s', async geoParquet => {
    const path = join(temporaryFolder(), 'file.parquet');
    const list = expressions.map((expression, index) => `${expression} AS c${index}`).join(', ');
    await duckdb(
      `COPY (SELECT ${list}) TO '${path}' (FORMAT PARQUET, PARQUET_VERSION V2, GEOPARQUET_VERSION '${geoParquet}', CODEC ZSTD)`,
    );
    const { ours, duckdb: theirs } = await bothWays(path);
    expect(ours).toEqual(theirs);
  });

  test.each([
    ['a', 'A', 'a'],
    ['a', 'a_1', 'A', 'A_1', 'a'],
    ['É', 'é', ' ', 'select', 'a"b', "a'b", 'a.b', 'a,b', '日本'],
  ])('names that collide or are unusual: %j', async (...names) => {
    const path = join(temporaryFolder(), 'file.parquet');
    const list = names.map(name => `1 AS "${name.replaceAll('"', '""')}"`).join(', ');
    await duckdb(`COPY (SELECT ${list}) TO '${path}' (FORMAT PARQUET)`);
    const { ours, duckdb: theirs } = await bothWays(path);
    expect(ours).toEqual(theirs);
  });

  test('written by parquetjs-lite, with a two-level list and repeated fields', async () => {
    const path = join(temporaryFolder(), 'file.parquet');
    const types = ['BOOLEAN', 'INT32', 'INT64', 'INT96', 'FLOAT', 'DOUBLE', 'BYTE_ARRAY', 'UTF8', 'ENUM', 'DATE'];
    const more = ['TIME_MILLIS', 'TIME_MICROS', 'TIMESTAMP_MILLIS', 'TIMESTAMP_MICROS', 'JSON', 'INTERVAL'];
    const integers = ['UINT_8', 'UINT_16', 'UINT_32', 'UINT_64', 'INT_8', 'INT_16', 'INT_32', 'INT_64'];
    const leaf = (type: string) => ({ type, optional: true, compression: 'SNAPPY', statistics: false });
    const fields = {
      ...Object.fromEntries([...types, ...more, ...integers].map(type => [type.toLowerCase(), leaf(type)])),
      repeated_leaf: { ...leaf('INT64'), repeated: true },
      repeated_group: { repeated: true, fields: { a: leaf('UTF8'), b: leaf('DOUBLE') } },
      two_level: { type: 'LIST', optional: true, fields: { array: { ...leaf('UTF8'), repeated: true } } },
      two_level_struct: {
        type: 'LIST',
        optional: true,
        fields: { array: { repeated: true, fields: { a: leaf('UTF8') } } },
      },
      two_level_tuple: {
        type: 'LIST',
        optional: true,
        fields: { two_level_tuple_tuple: { repeated: true, fields: { a: leaf('UTF8') } } },
      },
      two_level_pair: {
        type: 'LIST',
        optional: true,
        fields: { element: { repeated: true, fields: { a: leaf('UTF8'), b: leaf('UTF8') } } },
      },
      three_level: {
        type: 'LIST',
        optional: true,
        fields: { list: { repeated: true, fields: { element: leaf('UTF8') } } },
      },
      map: {
        type: 'MAP',
        optional: true,
        fields: { key_value: { repeated: true, fields: { key: leaf('UTF8'), value: leaf('INT64') } } },
      },
    };
    const schema = new parquet.ParquetSchema(fields as never);
    const writer = await parquet.ParquetWriter.openFile(schema, path, { useDataPageV2: false });
    await writer.appendRow({ int64: 1, repeated_leaf: [1, 2], two_level: { array: ['a', 'b'] } });
    await writer.close();
    const { ours, duckdb: theirs } = await bothWays(path);
    expect(ours).toEqual(theirs);
  });

  const readable = readdirSync(fixtures).filter(name => name.endsWith('.parquet') && !name.startsWith('encrypted'));
  test.each(readable)('written by others: %s', async name => {
    const { ours, duckdb: theirs } = await bothWays(join(fixtures, name));
    expect(ours).toEqual(theirs);
  });

  test.each(readable)('rows, row groups and key-value metadata agree with another reader: %s', async name => {
    const path = join(fixtures, name);
    const ours = await readParquetFooter(path);
    const theirs = await parquetMetadataAsync(await asyncBufferFromFile(path), { geoparquet: false });
    expect(ours.rows).toBe(Number(theirs.num_rows));
    expect(ours.rowGroups).toBe(theirs.row_groups.length);
    expect(ours.createdBy).toBe(theirs.created_by);
    expect(ours.keyValue).toEqual(
      Object.fromEntries((theirs.key_value_metadata ?? []).map(kv => [kv.key, kv.value ?? ''])),
    );
    expect(ours.rows).toBe(Number((await duckdb(`SELECT count(*) AS n FROM '${path}'`))[0]?.n));
  });
});

test('a column that the file declares as required is not nullable', async () => {
  const { columns } = await readParquetFooter(join(fixtures, 'pyarrow-required.parquet'));
  expect(columns).toEqual([
    { name: 'id', type: 'BIGINT', nullable: false },
    { name: 'tags', type: 'VARCHAR[]', nullable: false },
  ]);
});
