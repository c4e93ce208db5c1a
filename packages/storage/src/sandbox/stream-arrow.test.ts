import { existsSync } from 'node:fs';
import { tableFromIPC } from '@uwdata/flechette';
import { expect, test } from 'vitest';
import { databaseOfBus } from '../../test/support/database.js';
import { streamArrow, writeArrow } from './stream-arrow.js';

async function streamed(sql: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of streamArrow(sql, { database: await databaseOfBus() })) parts.push(part);
  return Buffer.concat(parts);
}

const rowsOf = async (sql: string) => tableFromIPC(await streamed(sql), { useBigInt: true, useMap: true }).toArray();

test('lists are without gaps, whatever rows of DuckDB they come from, and NULL is NULL', async () => {
  const sql = `SELECT i, CASE WHEN i % 5 > 0 THEN [i, NULL] END AS l, [[1], [2, 3]] AS c, MAP {i: 'key ' || i} AS m,
    [i, 7]::BIGINT[2] AS a, {'t': [i::VARCHAR]} AS s, nullif(i % 2 = 0, true) AS b
    FROM range(9000) t(i) WHERE i % 3 = 1 ORDER BY i DESC`;
  const rows = await rowsOf(sql);
  expect(rows).toHaveLength(3000);
  for (const [place, row] of rows.entries()) {
    const i = BigInt(8998 - 3 * place);
    const list = row.l && [...row.l];
    expect([row.i, list, row.b]).toEqual([i, i % 5n === 0n ? null : [i, null], i % 2n === 0n ? null : false]);
    expect([[...row.c].map(one => [...one]), [...row.m], [...row.a], [...row.s.t]]).toEqual([
      [[1], [2, 3]],
      [[i, `key ${i}`]],
      [i, 7n],
      [String(i)],
    ]);
  }
});

test('an answer without rows has its columns, also those with the same name', async () => {
  const table = tableFromIPC(await streamed('SELECT 1 AS a, true AS a, NULL::VARCHAR[] AS b WHERE false'));
  expect([table.numRows, table.names]).toEqual([0, ['a', 'a:1', 'b']]);
});

test.each([
  ['SELECT union_value(a := 1) AS u', 'TYPE_UNSUPPORTED', 'u', 'JSON'],
  ['SELECT [1::VARIANT] AS v', 'TYPE_UNSUPPORTED', 'v', 'JSON'],
  [`SELECT '1${'0'.repeat(38)}'::HUGEINT AS h`, 'VALUE_INVALID', 'h', 'VARCHAR'],
  [`SELECT '-1${'0'.repeat(38)}'::HUGEINT AS h`, 'VALUE_INVALID', 'h', 'VARCHAR'],
  ["SELECT ['24:00:00'::TIME] AS t", 'VALUE_INVALID', 't', 'VARCHAR'],
  ["SELECT '12:00:00+02'::TIMETZ AS t", 'VALUE_INVALID', 't', 'VARCHAR'],
  ["SELECT INTERVAL '9000000 hours' AS i", 'VALUE_INVALID', 'i', 'VARCHAR'],
])('%s is refused with its column', async (sql, code, column, castTo) => {
  await expect(streamed(sql)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(`The column ${column} (`),
    hint: `CAST it to ${castTo}.`,
  });
});

test('the NULLs of a column show nothing of the memory that DuckDB has there', async () => {
  const sql = 'SELECT (i + 1000) // (i % 2) AS n FROM range(2000) t(i)'; // 1000 for 1000 / 0
  const { data } = tableFromIPC(await streamed(sql)).getChildAt(0)!;
  const [batch] = data as unknown as { values: BigInt64Array; validity: Uint8Array }[];
  const nulls = [...batch!.values].filter((_, index) => ((batch!.validity[index >> 3]! >> (index & 7)) & 1) === 0);
  expect(nulls.length).toBeGreaterThan(100);
  expect(new Set(nulls)).toEqual(new Set([0n]));
});

test('a stream that breaks off has no end mark, and a file that exists stays', async () => {
  const sql = "SELECT i, CASE WHEN i = 9000 THEN error('late') ELSE 'x' END AS e FROM range(10000) t(i)";
  const parts: Uint8Array[] = [];
  const all = (async () => {
    for await (const part of streamArrow(sql, { database: await databaseOfBus() })) parts.push(part);
  })();
  await expect(all).rejects.toMatchObject({ code: 'QUERY_FAILED', message: expect.stringContaining('late') });
  expect(Buffer.concat(parts).subarray(-8).toString('hex')).not.toBe('ffffffff00000000');
  const path = await databaseOfBus();
  const signal = AbortSignal.timeout(60_000);
  await expect(writeArrow('SELECT 1', { database: path, path, signal })).rejects.toMatchObject({ code: 'EEXIST' });
  expect(existsSync(path)).toBe(true);
});
