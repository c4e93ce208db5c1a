import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { readParquet } from '../parquet/read-parquet.js';
import { bindParams, type Param } from './bind.js';

async function asDuckDbSees(param: Param): Promise<string> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    const { values, types } = bindParams([param]);
    const sql = "SELECT typeof($1) || ' ' || CAST($1 AS VARCHAR)";
    return String((await connection.runAndReadAll(sql, values, types)).getRows()[0]?.[0]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

test.each<[string, Param]>([
  ['DOUBLE[] [1.0, 2.5]', [1, 2.5]],
  ['HUGEINT[] [1, 1267650600228229401496703205376]', [1, 2n ** 100n]],
  ['DOUBLE[][] [[1.5], [1.0]]', [[1.5], [1]]],
  ['DOUBLE[][] [[1.0], [1.5]]', [[1], [1.5]]],
  ['BIGINT[][] [[1], [1152921504606846976], NULL, []]', [[1], [2n ** 60n], null, []]],
  ['VARCHAR[][] [[NULL], [a]]', [[null], ['a']]],
  ['VARCHAR[][] [[], [NULL]]', [[], [null]]],
])('a list is bound as %s', async (seen, param) => {
  expect(await asDuckDbSees(param)).toBe(seen);
});

const nested = (levels: number): Param => {
  let param: Param = 1;
  for (let level = 0; level < levels; level++) param = [param];
  return param;
};
const circle: Param[] = [];
circle.push(circle);

test('a list in sixteen lists is bound, at once', async () => {
  expect(await asDuckDbSees(nested(16))).toBe(`INTEGER${'[]'.repeat(16)} ${'['.repeat(16)}1${']'.repeat(16)}`);
});

test.each<[string, Param]>([
  ['seventeen lists in each other', nested(17)],
  ['100,000 lists in each other', nested(100_000)],
  ['a list in itself', circle],
  ['a DOUBLE beside an integer that is none', [0.5, 2n ** 53n + 1n]],
  ['text beside numbers', [['a'], [1]]],
])('%s cannot be bound', (_, param) => {
  expect(() => bindParams([param])).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining('$1') }),
  );
});

test.each<[string, object]>([
  ['columns that are no list', { columns: 'a' }],
  ['columns that are no names', { columns: [nested(100_000)] }],
  ['a choice that is none', { int64: nested(100_000) }],
  ['a condition that is no text', { where: 1 }],
  ['an order by no name', { orderBy: [null] }],
])('%s are refused by what they are', async (_, options) => {
  await expect(readParquet('no.parquet', options)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
});
