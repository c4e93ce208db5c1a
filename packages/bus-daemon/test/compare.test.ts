import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import type { Comparison } from '../src/compare/compare-table.js';
import { drain, quantbotBus } from './support/daemon-process.js';
import { submit } from './support/submit.js';
import { makeTestBus, type TestBus } from './support/test-bus.js';

const select = `SELECT range AS id, CASE WHEN range % 3 = 0 THEN NULL ELSE 'n' || range END AS name,
range / 3.0 AS price, [range, NULL] AS list, TIMESTAMP '2026-01-31' + INTERVAL (range) HOUR AS at FROM range(1000)`;

/** A bus with a table of a thousand rows, and the path of an old database in which statements have been run. */
async function busAndOld(...statements: string[]): Promise<{ bus: TestBus; old: string }> {
  const bus = makeTestBus();
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.trades', select });
  await drain(bus);
  const old = join(bus.folder, 'old.duckdb');
  const instance = await DuckDBInstance.create(old);
  const connection = await instance.connect();
  for (const statement of statements) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
  return { bus, old };
}

async function compare(bus: TestBus, ...args: string[]): Promise<{ code: number | null; result: Comparison }> {
  const { code, stdout, stderr } = await quantbotBus(bus, 'compare', ...args, '--json');
  if (code === 1) throw new Error(stderr);
  return { code, result: JSON.parse(stdout) as Comparison };
}

const reversed = `CREATE TABLE trades AS SELECT * FROM (${select}) ORDER BY id DESC`;

test('a table with the same rows in another order, and other types that hold the same values, is equal', async () => {
  const { bus, old } = await busAndOld(
    reversed,
    `CREATE SCHEMA canon`,
    `CREATE TABLE canon.small AS SELECT CAST(id AS SMALLINT) AS ID, * EXCLUDE (id) FROM trades`,
  );
  expect(await compare(bus, 'canon.trades', old)).toMatchObject({
    code: 0,
    result: { equal: true, rows: 1000, oldRows: 1000, oldTable: 'main.trades', otherTypes: [] },
  });
  const other = await compare(bus, 'trades', old, '--old-table', 'canon.small');
  expect(other).toMatchObject({
    code: 0,
    result: { equal: true, otherTypes: [{ column: 'id', oldType: 'SMALLINT' }] },
  });
  expect((await quantbotBus(bus, 'compare', 'trades', old)).stdout).toBe('equal: 1,000 rows\n');
});

test('rows that one side lacks, or has more often, are counted and shown', async () => {
  const { bus, old } = await busAndOld(
    reversed,
    'DELETE FROM trades WHERE id IN (3, 7)',
    'INSERT INTO trades SELECT * FROM trades WHERE id = 5',
    `INSERT INTO trades VALUES (5000, NULL, NULL, NULL, NULL)`,
  );
  const { code, result } = await compare(bus, 'trades', old);
  expect(code).toBe(2);
  expect(result).toMatchObject({ equal: false, onlyRows: 2, onlyOldRows: 2, changedRows: 0 });
  expect(result.samples.only.map(row => [row.id, row.name])).toEqual([
    ['3', null],
    ['7', 'n7'],
  ]);
  expect(result.samples.onlyOld.map(row => row.id)).toEqual(['5', '5000']);
  const { stdout } = await quantbotBus(bus, 'compare', 'trades', old, '--limit', '1');
  expect(stdout).toContain('different: 1,000 rows in the bus, 1,000 in main.trades');
  expect(stdout).toMatch(/2 only in the bus:[\s\S]*NULL/);
});

test('with a key it says which columns of which row have changed', async () => {
  const { bus, old } = await busAndOld(
    reversed,
    `UPDATE trades SET price = 0.5, name = NULL WHERE id = 4`,
    'DELETE FROM trades WHERE id = 9',
  );
  const { result } = await compare(bus, 'trades', old, '--key', 'ID');
  expect(result).toMatchObject({ onlyRows: 1, onlyOldRows: 0, changedRows: 1 });
  expect(result.samples.changed).toEqual([
    { key: { id: '4' }, columns: { name: [null, 'n4'], price: ['0.5', expect.stringMatching(/^1\.333/)] } },
  ]);
  expect((await quantbotBus(bus, 'compare', 'trades', old, '--key', 'id')).stdout).toMatch(/4 +│ name +│ NULL +│ n4/);
});

test('a column that only one side has makes a difference, whatever the rows are', async () => {
  const { bus, old } = await busAndOld(`CREATE TABLE trades AS SELECT * EXCLUDE (list), 1 AS extra FROM (${select})`);
  expect(await compare(bus, 'trades', old)).toMatchObject({
    code: 2,
    result: { equal: false, onlyColumns: ['list'], onlyOldColumns: ['extra'], onlyRows: 0, onlyOldRows: 0 },
  });
});

test.each<[string, (old: string) => string[], string]>([
  ['a table that the bus does not have', old => ['nothing', old], 'TABLE_NOT_FOUND'],
  ['a table that the old database does not have', old => ['trades', old, '--old-table', 'main.x'], 'TABLE_NOT_FOUND'],
  ['a file that is none', old => ['trades', `${old}.gone`], 'DATABASE_UNREADABLE'],
  ['a key that is no column', old => ['trades', old, '--key', 'id,x'], 'COLUMN_NOT_FOUND'],
])('%s: exit code 1, with what to do', async (_what, args, code) => {
  const { bus, old } = await busAndOld(reversed);
  const result = await quantbotBus(bus, 'compare', ...args(old));
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(new RegExp(`^${code}: .+\\n[\\s\\S]*Try: .+`));
});
