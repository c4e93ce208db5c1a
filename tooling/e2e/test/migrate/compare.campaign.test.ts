// @module-tag campaign
import { join } from 'node:path';
import type { Comparison } from '@quantbot/bus-migrate/compare';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { makeDatabase } from '@quantbot/tooling-testing/old-database';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';

const columns = 'id INTEGER, symbol VARCHAR, price DOUBLE, span INTERVAL, tags VARCHAR[]';
const rows = `SELECT * FROM (VALUES
  (1, 'a', 0.1, INTERVAL '30 days', ['x', NULL]),
  (2, NULL, 'nan'::DOUBLE, NULL, []),
  (2, NULL, 'nan'::DOUBLE, NULL, []),
  (3, 'c', NULL, INTERVAL '1 month', NULL)) t(id, symbol, price, span, tags)`;

/**
 * Creates a bus whose `canon.quotes` has the rows of a SELECT, and an old database from statements.
 * Returns both.
 */
async function busAndOld(select: string, ...statements: string[]): Promise<{ bus: TestBus; old: string }> {
  const bus = makeTestBus();
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.quotes', select });
  await drain(bus);
  const old = join(bus.folder, 'old.duckdb');
  await makeDatabase(old, ...statements);
  return { bus, old };
}

const typed = (select: string) =>
  `SELECT CAST(id AS INTEGER) AS id, symbol, CAST(price AS DOUBLE) AS price, span, tags FROM (${select})`;
const made = (...changes: string[]) => [`CREATE TABLE quotes (${columns})`, `INSERT INTO quotes ${rows}`, ...changes];

async function compare(
  { bus, old }: { bus: TestBus; old: string },
  ...args: string[]
): Promise<Comparison & { code: number | null }> {
  const { code, stdout, stderr } = await quantbotBus(bus, 'compare', 'quotes', old, '--json', ...args);
  if (stdout === '') throw new Error(stderr);
  return { code, ...(JSON.parse(stdout) as Comparison) };
}

describe('quantbot-bus compare', () => {
  test('finds equal what has the same rows in any order, NULLs, NaNs and doubled rows included', async () => {
    const both = await busAndOld(`${typed(rows)} ORDER BY id DESC`, ...made());
    expect(await compare(both)).toMatchObject({
      code: 0,
      equal: true,
      busRows: 4,
      oldRows: 4,
      oldTable: 'main.quotes',
    });
    const { stdout } = await quantbotBus(both.bus, 'compare', 'canon.quotes', both.old);
    expect(stdout).toBe('canon.quotes and main.quotes are equal: 4 rows\n');
  });

  const changes = [
    ['a row that is there once instead of twice', 'DELETE FROM quotes WHERE rowid = 2'],
    ['a NULL that is a value', "UPDATE quotes SET symbol = '' WHERE id = 3 AND symbol IS NULL OR rowid = 1"],
    ['the last digit of a number', 'UPDATE quotes SET price = 0.10000000000000002 WHERE id = 1'],
    [
      'a month that is 30 days',
      "DELETE FROM quotes WHERE id = 3; INSERT INTO quotes VALUES (3, 'c', NULL, INTERVAL '30 days', NULL)",
    ],
    ['a list that is empty instead of NULL', 'UPDATE quotes SET tags = [] WHERE id = 3'],
  ] as const;

  test.each(sampleOf(changes, 2))('finds %s', async (_what, change) => {
    const found = await compare(await busAndOld(typed(rows), ...made(change)));
    expect(found).toMatchObject({ code: 2, equal: false });
    expect(found.onlyInBus.rows).toBe(1);
    expect(found.onlyInBus.shown).toHaveLength(1);
  });

  test('shows rows of each side, and no more than it was asked for', async () => {
    const both = await busAndOld(
      'SELECT range::INTEGER AS id FROM range(100)',
      'CREATE TABLE quotes AS SELECT range::INTEGER AS id FROM range(10, 105)',
    );
    const found = await compare(both, '--limit', '3');
    expect(found.onlyInBus).toEqual({ rows: 10, shown: [{ id: '0' }, { id: '1' }, { id: '2' }] });
    expect(found.onlyInOld.rows).toBe(5);
    const { stdout, code } = await quantbotBus(both.bus, 'compare', 'quotes', both.old, '--limit', '1');
    expect(code).toBe(2);
    expect(stdout).toContain('10 rows only in the bus:\n  {"id":"0"}\n  … and 9 more (--limit)');
  });

  test('tells changed rows from new ones by their key, with what has changed', async () => {
    const both = await busAndOld(
      typed(rows),
      ...made("UPDATE quotes SET price = 7, tags = ['y'] WHERE id = 1", 'INSERT INTO quotes (id) VALUES (9)'),
    );
    const found = await compare(both, '--key', 'ID');
    expect(found).toMatchObject({ code: 2, onlyInBus: { rows: 0 }, onlyInOld: { rows: 1 } });
    expect(found.changed).toEqual({
      rows: 1,
      shown: [{ key: { id: '1' }, columns: { price: { bus: 0.1, old: 7 }, tags: { bus: ['x', null], old: ['y'] } } }],
    });
    const wrong = await quantbotBus(both.bus, 'compare', 'quotes', both.old, '--key', 'nobody');
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^KEY_NOT_FOUND/) });
  });

  test('names columns that differ, and compares the others', async () => {
    const both = await busAndOld(
      "SELECT 1::INTEGER AS id, 'x' AS text, 5 AS fresh",
      "CREATE TABLE quotes AS SELECT 1 AS id, DATE '2020-01-01' AS text, true AS gone",
    );
    const found = await compare(both);
    expect(found.code).toBe(2);
    expect(found.schema).toEqual({
      onlyInBus: [{ name: 'fresh', type: 'BIGINT' }],
      onlyInOld: [{ name: 'gone', type: 'BOOLEAN' }],
      types: [{ name: 'text', bus: 'VARCHAR', old: 'DATE' }],
    });
    expect(found.onlyInBus.shown).toEqual([{ id: '1', text: 'x' }]);
  });

  test('does not call equal what has the same rows and one column more', async () => {
    const both = await busAndOld('SELECT 1 AS id', 'CREATE TABLE quotes AS SELECT 1 AS id, NULL::DATE AS gone');
    expect(await compare(both)).toMatchObject({
      code: 2,
      equal: false,
      onlyInBus: { rows: 0 },
      onlyInOld: { rows: 0 },
    });
  });

  test('says which tables there are when it does not find one', async () => {
    const both = await busAndOld(
      'SELECT 1 AS id',
      'CREATE SCHEMA a',
      'CREATE SCHEMA b',
      'CREATE TABLE a.quotes AS SELECT 1::BIGINT AS id',
      'CREATE TABLE b.quotes AS SELECT 2 AS id',
    );
    const { code, stderr } = await quantbotBus(both.bus, 'compare', 'quotes', both.old);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^TABLE_NOT_FOUND[\s\S]* {2}a\.quotes\n {2}b\.quotes[\s\S]*--old-table/);
    expect(await compare(both, '--old-table', 'a.quotes')).toMatchObject({ code: 0, oldTable: 'a.quotes' });
    expect(await compare(both, '--old-table', 'b.quotes')).toMatchObject({ code: 2 });
    expect((await quantbotBus(both.bus, 'compare', 'nobody', both.old)).stderr).toMatch(
      /^TABLE_NOT_FOUND[\s\S]*quotes/,
    );
  });

  test('goes to the disk when memory is short, instead of giving up', async () => {
    const bus = makeTestBus({ export: { memory_limit_mb: 96, enabled: false } });
    await drain(bus);
    const select = "SELECT range AS id, repeat('x', 40) || hash(range) AS t FROM range(1500000)";
    await submit(bus, { schemaHint: 'canon.quotes', select });
    await drain(bus);
    const old = join(bus.folder, 'old.duckdb');
    await makeDatabase(old, `CREATE TABLE quotes AS ${select}`, 'DELETE FROM quotes WHERE id = 700000');
    const found = await compare({ bus, old }, '--temp', join(bus.folder, 'spill'));
    expect(found).toMatchObject({ code: 2, busRows: 1_500_000, onlyInBus: { rows: 1 }, onlyInOld: { rows: 0 } });
  });
});
