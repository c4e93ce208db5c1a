import { expect, test } from 'vitest';
import { openMemoryDatabase, query } from '../duckdb.js';
import { literal } from '../sql.js';
import { valueOfFile } from './value-of-file.js';

const count = 700;
const indexes = Array.from({ length: count }, (_, i) => i);
const offset = 3;

test.each<[string, number[]]>([
  ['that count on', indexes.map(i => 3_000_000_000 + i)],
  ['that are all the same', indexes.map(() => 7)],
  ['without a form', indexes.map(i => (i * 7919) % 1000)],
  ['of several forms', indexes.map(i => (i < 128 ? i : i < 384 ? 5 : i < 512 ? i * 3 : i - 400))],
  ['that count on from a lower one', indexes.map(i => (i < 256 ? i + 90 : i - 256))],
])('each file gets its own of numbers %s', async (_, numbers) => {
  const { connection, close } = await openMemoryDatabase({ memoryMb: 256, threads: 1 });
  const values = numbers.map((n, i) => literal(i % 300 < 150 ? 'one' : `key ${n}`));
  const rows = await query<{ n: bigint; key: string }>(
    connection,
    `SELECT ${valueOfFile({ type: 'BIGINT' }, numbers, offset)} AS n, ${valueOfFile({ type: 'VARCHAR' }, values, offset)} AS key
     FROM (SELECT CAST(range + ${offset} AS UBIGINT) AS file_index FROM range(${count}))`,
  );
  close();
  expect(rows.map(row => Number(row.n))).toEqual(numbers);
  expect(rows.map(row => literal(row.key))).toEqual(values);
});
