import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runIn } from '../../test/support/database.js';
import { temporaryFolder } from '../../test/support/folder.js';
import { streamSelect } from './stream-select.js';

/** A database that says of itself what one of a bus does. */
async function database(): Promise<string> {
  const folder = temporaryFolder();
  const path = join(folder, 'alerts.duckdb');
  await runIn(
    path,
    'CREATE SCHEMA catalog',
    `CREATE VIEW catalog.bus_info AS SELECT '${folder}/bus' AS bus_root, '${folder}/exports' AS export_dir`,
  );
  return path;
}

async function answer(sql: string, values: 'text' | 'json' = 'json') {
  const batches = [];
  for await (const batch of streamSelect(sql, { duckdbPath: await database(), values })) batches.push(batch);
  return { columns: batches[0]?.columns, rows: batches.flatMap(batch => batch.rows) };
}

test('columns have their names, also when two share one, and their types, also when there are no rows', async () => {
  expect(await answer("SELECT 1 AS a, 'x' AS a, NULL::DECIMAL(9,2) AS d WHERE false")).toEqual({
    columns: [
      { name: 'a', type: 'INTEGER' },
      { name: 'a', type: 'VARCHAR' },
      { name: 'd', type: 'DECIMAL(9,2)' },
    ],
    rows: [],
  });
});

test('rows come all and in the order of the query, in either form', async () => {
  const sql = 'SELECT range AS n FROM range(300000) ORDER BY hash(range)';
  const { rows } = await answer(sql);
  expect(rows).toHaveLength(300_000);
  expect(new Set(rows.map(([n]) => n)).size).toBe(300_000);
  const [first] = (await answer(`${sql} LIMIT 1`)).rows;
  expect(rows[0]).toEqual(first);
  expect((await answer(`${sql} LIMIT 1 ;\n`, 'text')).rows).toEqual([[String(first?.[0])]]);
});

test.each([
  [
    'nested values',
    "SELECT [1, NULL], {'a': 1.5::DECIMAL(9,2)}, MAP {'k': DATE '2026-01-31'}",
    [[1, null], { a: '1.50' }, [{ key: 'k', value: '2026-01-31' }]],
  ],
  [
    'integers to both sides of 2^53',
    'SELECT 9007199254740991, 9007199254740992, -9007199254740993',
    [9007199254740991, '9007199254740992', '-9007199254740993'],
  ],
  [
    'times with nanoseconds',
    "SELECT '2026-01-31 12:00:00.123456789'::TIMESTAMP_NS, '2026-01-31 12:00:00+02'::TIMESTAMPTZ",
    ['2026-01-31T12:00:00.123456789Z', '2026-01-31T10:00:00Z'],
  ],
  ['what JSON has no number for', "SELECT 'inf'::DOUBLE, '-infinity'::TIMESTAMP", ['Infinity', '-infinity']],
])('%s lose nothing', async (_what, sql, row) => {
  expect((await answer(sql)).rows).toEqual([row]);
});

test.each([
  ['DESCRIBE SELECT 1 AS a', 'a'],
  ['SUMMARIZE SELECT 1 AS a', 'a'],
  ['WITH t AS (SELECT 1) FROM t', 1],
  ['VALUES (1)', 1],
  ['SELECT 1 -- a comment at the end', 1],
])('%s is a query, too', async (sql, first) => {
  expect((await answer(sql)).rows[0]?.[0]).toEqual(first);
});

test('a signal ends the query with its reason', async () => {
  const end = new AbortController();
  const sql = 'SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE a.range + b.range = -1';
  const batches = streamSelect(sql, { duckdbPath: await database(), values: 'text', signal: end.signal });
  await batches.next();
  const next = batches.next();
  end.abort(new Error('enough'));
  await expect(next).rejects.toThrow('enough');
});

test('a database that is no bus’s is told as such', async () => {
  const path = join(temporaryFolder(), 'other.duckdb');
  await runIn(path, 'CREATE TABLE x (a INT)');
  const batches = streamSelect('SELECT 1', { duckdbPath: path, values: 'text' });
  await expect(batches.next()).rejects.toMatchObject({ code: 'CATALOG_NOT_FOUND' });
});
