import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runIn } from '../../test/support/database.js';
import { temporaryFolder } from '../../test/support/folder.js';
import { readParquetColumns } from './read-parquet.js';

const typedArrays = true as const;

/** More than a chunk of 2,048 rows, so that columns are put together. */
const rows = 5000;

async function file(select: string): Promise<string> {
  const path = join(temporaryFolder(), 'x.parquet');
  await runIn(':memory:', `COPY (SELECT ${select} FROM range(${rows}) AS t(i)) TO '${path}' (FORMAT parquet)`);
  return path;
}

test.each([
  ['TINYINT', 'i % 100 - 50', Int8Array],
  ['SMALLINT', 'i - 2500', Int16Array],
  ['INTEGER', 'i * 400000', Int32Array],
  ['UTINYINT', 'i % 256', Uint8Array],
  ['USMALLINT', 'i * 13', Uint16Array],
  ['UINTEGER', 'i * 850000', Uint32Array],
  ['FLOAT', 'i / 3', Float32Array],
  ['DOUBLE', 'i / 3', Float64Array],
  ['BIGINT', '(i - 2500) * 1000000000', Float64Array],
  ['UBIGINT', 'i * 1000000000', Float64Array],
] as const)('%s without a NULL is a typed array of the values that it has as an array', async (type, value, Kind) => {
  const path = await file(`CAST(${value} AS ${type}) AS x`);
  const { x } = await readParquetColumns(path, { typedArrays });
  expect(x).toBeInstanceOf(Kind);
  expect(Array.from(x as Float64Array)).toEqual((await readParquetColumns(path)).x);
});

test('64-bit integers, decimals and timestamps, as the mapping says', async () => {
  const path = await file(
    'CAST(i AS BIGINT) + 9007199254740993 AS big, CAST(i AS UBIGINT) AS u, CAST(i / 4 AS DECIMAL(10, 2)) AS d, make_timestamp(i * 1001) AS ts',
  );
  const exact = { int64: 'bigint', decimal: 'number', timestamp: 'micros' } as const;
  const typed = await readParquetColumns(path, { typedArrays, ...exact });
  expect(Object.values(typed).map(column => column.constructor)).toEqual([
    BigInt64Array,
    BigUint64Array,
    Float64Array,
    BigInt64Array,
  ]);
  const plain = await readParquetColumns(path, exact);
  for (const [name, column] of Object.entries(typed)) expect(Array.from(column as Float64Array)).toEqual(plain[name]);
  const asTheyAre = await readParquetColumns(path, { columns: ['u', 'd', 'ts'], typedArrays });
  expect([asTheyAre.d?.[2], asTheyAre.ts?.[1]]).toEqual(['0.50', new Date(1)]);
});

test('a number that is not exact is an error here too', async () => {
  const path = await file('CAST(i AS BIGINT) + 9007199254740993 AS big');
  await expect(readParquetColumns(path, { typedArrays })).rejects.toMatchObject({ code: 'VALUE_UNREPRESENTABLE' });
});

test.each([0, 1, 2047, 2048, 4999])(
  'a column with a NULL, here in row %i, is an array, with all that came before it',
  async at => {
    const path = await file(`CASE WHEN i <> ${at} THEN i / 2 END AS x, i / 2 AS whole, CAST(i AS VARCHAR) AS text`);
    const typed = await readParquetColumns(path, { typedArrays });
    expect(typed.x).toEqual((await readParquetColumns(path)).x);
    expect(typed.x?.[at]).toBeNull();
    expect([typed.whole?.constructor, typed.text?.constructor]).toEqual([Float64Array, Array]);
  },
);

test('no rows are empty typed arrays', async () => {
  const path = await file('CAST(i AS DOUBLE) AS x');
  expect(await readParquetColumns(path, { typedArrays, where: 'x < 0' })).toEqual({ x: new Float64Array(0) });
});
