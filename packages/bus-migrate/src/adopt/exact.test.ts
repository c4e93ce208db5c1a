import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identifier } from '@quantbot/bus-format';
import { openMemoryDatabase } from '@quantbot/bus-format/duckdb';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { askIn } from '@quantbot/tooling-testing/old-database';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pairColumns } from '../compare/columns.js';
import { tryViews } from './carried-views.js';
import { copyTable, parquet } from './copy-table.js';
import { listLost } from './lost.js';
import { chooseNames } from './names.js';
import { openOldDatabase } from './old-database.js';
import { inspectTable } from './old-table.js';
import type { PlannedTable } from './plan.js';

/** A type, and values at the limits of its range. */
const extremes: Record<string, string[]> = {
  BOOLEAN: ['true', 'false'],
  TINYINT: ['-128', '127'],
  SMALLINT: ['-32768', '32767'],
  INTEGER: ['-2147483648', '2147483647'],
  BIGINT: ['-9223372036854775808', '9223372036854775807'],
  HUGEINT: ['-170141183460469231731687303715884105728', '170141183460469231731687303715884105727', '0'],
  UTINYINT: ['0', '255'],
  USMALLINT: ['65535'],
  UINTEGER: ['4294967295'],
  UBIGINT: ['18446744073709551615'],
  UHUGEINT: ['340282366920938463463374607431768211455', '0'],
  BIGNUM: [`-${'9'.repeat(80)}`, '0'],
  FLOAT: ['0.1', '-0.0', '0.0', 'nan', '-inf', '1e-45', '3.4028235e38'],
  DOUBLE: ['0.1', '0.0', '-0.0', 'nan', 'inf', '4.9e-324', '-1.7976931348623157e308'],
  'DECIMAL(4,1)': ['-999.9', '0.0'],
  'DECIMAL(18,9)': ['999999999.999999999'],
  'DECIMAL(38,9)': ['-99999999999999999999999999999.999999999', '1.500000000'],
  VARCHAR: ['', 'NULL', 'null', '1', "it's", '{"a": 1}', '[a, b]', '  blank  ', 'é😀\u2028\n', '\\x00'],
  JSON: ['{"n": 1.10, "n": 2}', '"1"', '1', 'null', '123456789012345678901234567890'],
  BLOB: ['', '\\x00\\xFF\\x5C', 'text'],
  BIT: ['1', '0000000000000000000000001'],
  UUID: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  DATE: ['0044-03-15 (BC)', '5877642-06-25 (BC)', '5881580-07-10', 'infinity', '-infinity'],
  TIME: ['00:00:00', '24:00:00', '23:59:59.999999'],
  TIME_NS: ['00:00:00.000000001', '23:59:59.999999999'],
  'TIME WITH TIME ZONE': ['24:00:00+15:59:59', '00:00:00-15:59:59', '12:00:00+00'],
  TIMESTAMP: ['290309-12-22 (BC) 00:00:00', '294247-01-10 04:00:54.775806', 'infinity', '-infinity'],
  TIMESTAMP_S: ['0044-03-15 (BC) 00:00:00', '290000-01-01 00:00:00', 'infinity', '-infinity'],
  TIMESTAMP_MS: ['2020-01-01 00:00:00.001', '-infinity'],
  TIMESTAMP_NS: ['1677-09-22 00:00:00.000000001', '2262-04-11 23:47:16.854775806'],
  'TIMESTAMP WITH TIME ZONE': ['2020-01-01 00:00:00.000001+02', 'infinity'],
  INTERVAL: ['1 month -3 days 1.000001 seconds', '-178956970 years', '00:00:00', '596523 hours'],
  "ENUM('a b', 'it''s', '[x]')": ['a b', "it''s", '[x]'],
  GEOMETRY: ['POINT (1 2)', 'POINT EMPTY', 'LINESTRING (0.1 1e-300, 123456789.123456789 -2)'],
  "GEOMETRY('OGC:CRS84')": ['POINT (1 2)'],
  'UNION(n INTEGER, s VARCHAR)': ['1'],
};

const quoted = (value: string): string => (value.includes("''") ? `'${value}'` : `'${value.replaceAll("'", "''")}'`);

/** A column for each kind of nesting. */
const nestings: Record<string, (type: string) => [type: string, value: (sql: string) => string]> = {
  plain: type => [type, sql => sql],
  list: type => [`${type}[]`, sql => `[${sql}, NULL]`],
  array: type => [`${type}[2]`, sql => `[NULL, ${sql}]`],
  struct: type => [`STRUCT("a b" ${type}, x INTEGER)`, sql => `{'a b': ${sql}, 'x': 1}`],
  map: type => [`MAP(VARCHAR, ${type})`, sql => `MAP {'k''"': ${sql}, 'none': NULL}`],
  deep: type => [`STRUCT(l ${type}[])[]`, sql => `[{'l': [${sql}]}, NULL, {'l': NULL}]`],
  union: type => [
    `UNION(n INTEGER, v ${type})`,
    sql => `CAST(union_value(v := ${sql}) AS UNION(n INTEGER, v ${type}))`,
  ],
};

async function databaseWith(...statements: string[]): Promise<{ path: string; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'adopt-exact-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'old.duckdb');
  const { connection, close } = await openMemoryDatabase({ memoryMb: 512, threads: 1 });
  await connection.run(`SET TimeZone = 'UTC'; ATTACH '${path}' AS old (STORAGE_VERSION 'latest'); USE old`);
  for (const sql of statements) await connection.run(sql);
  close();
  return { path, folder };
}

/** Copies a table `t` as an adoption does; `change` alters the plan. */
async function copied(
  { path, folder }: { path: string; folder: string },
  change: (table: PlannedTable) => PlannedTable = table => table,
) {
  const old = await openOldDatabase(path, { memoryMb: 512, tempFolder: join(folder, 'temp') });
  try {
    const inspected = await inspectTable(old.connection, { schema: 'main', table: 't' });
    const table: PlannedTable = { schema: 'main', table: 't', canon: 't', notes: [], ...inspected };
    const into = join(folder, 'files');
    await copyTable(old, into, change(table), {});
    return { ...inspected, file: join(into, 't.parquet') };
  } finally {
    old.close();
  }
}

describe('a copied table gives the text that the old database gives, of the extremes of', () => {
  test.each(sampleOf(Object.entries(extremes), 6))(
    '%s, however nested',
    { tags: ['campaign'] },
    async (type, values) => {
      const columns = Object.entries(nestings).map(([name, nesting]) => ({ name, nested: nesting(type) }));
      const row = (value: string, id: number) => {
        const list = columns.map(({ nested: [as, make] }) => `CAST(${make(`CAST(${value} AS ${type})`)} AS ${as})`);
        return `INSERT INTO t VALUES (${[id, ...list].join(', ')})`;
      };
      const old = await databaseWith(
        `CREATE TABLE t (id INTEGER, ${columns.map(({ name, nested: [as] }) => `${identifier(name)} ${as}`).join(', ')})`,
        ...['NULL', ...values.map(quoted)].map(row),
        `INSERT INTO t (id) VALUES (-1)`,
      );
      const kept = await copied(old);
      expect(kept.problems).toEqual([]);
      const names = ['id', ...columns.map(({ name }) => name)];
      const before = await askIn(
        old.path,
        `SELECT ${names.map(name => `CAST(${identifier(name)} AS VARCHAR) AS ${identifier(name)}`).join(', ')} FROM t ORDER BY t.id`,
      );
      const again = kept.columns.map(
        ({ name, restored, canonName, canonType }) =>
          `CAST(${restored.replaceAll(identifier(canonName), `CAST(${identifier(canonName)} AS ${canonType})`)} AS VARCHAR) AS ${identifier(name)}`,
      );
      const database = await openMemoryDatabase({ memoryMb: 512, threads: 1 });
      try {
        await database.connection.run(`SET TimeZone = 'UTC'`);
        const reader = await database.connection.runAndReadAll(
          `SELECT ${again.join(', ')} FROM ${parquet(kept.file)} f ORDER BY f.id`,
        );
        expect(reader.getRowObjectsJson()).toEqual(before);
      } finally {
        database.close();
      }
      // A database can store the views that restore the old types.
      const views = await tryViews([{ schema: 'main', table: 'old', canon: 't', columns: kept.columns }], []);
      expect(views).toMatchObject([{ problem: null }]);
    },
  );
});

describe('a VARIANT', () => {
  test('of what JSON can say is kept as JSON text', async () => {
    const old = await databaseWith(
      'CREATE TABLE t (id INTEGER, v VARIANT)',
      `INSERT INTO t VALUES (1, 1), (2, '1'), (3, NULL), (4, 1.5::DOUBLE), (5, true), (6, -5000000000)`,
      `INSERT INTO t VALUES (7, '{"a": [1, "1", null]}'::JSON)`,
    );
    const { problems, file, columns } = await copied(old);
    expect(problems).toEqual([]);
    expect(await tryViews([{ schema: 'main', table: 'old', canon: 't', columns }], [])).toMatchObject([
      { problem: null },
    ]);
    expect(await askIn(old.path, `SELECT v FROM ${parquet(file)} ORDER BY id`)).toEqual(
      ['1', '"1"', null, '1.5', 'true', '-5000000000', '{"a":[1,"1",null]}'].map(v => ({ v })),
    );
  });

  test.each([
    ['a date', "DATE '2026-01-31'"],
    ['a decimal', '1.50::DECIMAL(4,2)'],
    ['bytes', "'\\xFF'::BLOB"],
    ['a date within an object', "{'d': DATE '2026-01-31'}"],
  ])('with %s is a problem that the plan names', async (_what, value) => {
    const old = await databaseWith(`CREATE TABLE t AS SELECT CAST(${value} AS VARIANT) AS v`);
    const database = await openOldDatabase(old.path, { memoryMb: 256, tempFolder: join(old.folder, 'temp') });
    const { problems } = await inspectTable(database.connection, { schema: 'main', table: 't' });
    database.close();
    expect(problems).toEqual([expect.stringMatching(/^v is a VARIANT with types .*ALTER "v" TYPE JSON/)]);
  });
});

test('a copy whose values are not the old ones is refused, though both were made by the same SQL', async () => {
  const old = await databaseWith('CREATE TABLE t AS SELECT 12345678901 AS n');
  const wrong = (table: PlannedTable) => ({
    ...table,
    columns: table.columns.map(column => ({ ...column, expression: 'CAST("n" // 10 * 10 AS BIGINT)' })),
  });
  await expect(copied(old, wrong)).rejects.toMatchObject({ code: 'ADOPTION_MISMATCH' });
});

test('a copy that has other types than were declared is refused', async () => {
  const old = await databaseWith('CREATE TABLE t AS SELECT 5::HUGEINT AS n');
  const wrong = (table: PlannedTable) => ({
    ...table,
    columns: table.columns.map(column => ({ ...column, expression: 'CAST("n" AS DOUBLE)' })),
  });
  await expect(copied(old, wrong)).rejects.toMatchObject({
    code: 'ADOPTION_MISMATCH',
    details: ['n: expected DECIMAL(38,0)'],
  });
});

test('a view that no database file can hold is announced as one that would not answer', async () => {
  const view = { schema: 'main', view: 'v', sql: `SELECT CAST(['a'] AS ENUM('a', 'b')[]) AS e` };
  expect(await tryViews([], [view])).toMatchObject([{ name: 'main.v', problem: expect.stringContaining('serialize') }]);
});

test('everything that the published database has no place for is named', async () => {
  const { path, folder } = await databaseWith(
    `CREATE TYPE mood AS ENUM ('sad', 'it''s')`,
    'CREATE SEQUENCE s START 5',
    `CREATE TABLE t (id INTEGER PRIMARY KEY, "a b" VARCHAR COLLATE NOCASE DEFAULT 'x', twice INTEGER GENERATED ALWAYS AS (id * 2), CHECK (id > 0))`,
    'CREATE INDEX i ON t (id)',
    'CREATE MACRO add(x, y) AS x + y',
    'CREATE MACRO pair(x) AS TABLE SELECT x, x',
    'CREATE SCHEMA spare',
    'CREATE VIEW v AS SELECT id FROM t',
    ...['TABLE t', 'COLUMN t."a b"', 'VIEW v', 'INDEX i', 'SEQUENCE s', 'TYPE mood', 'MACRO add'].map(
      what => `COMMENT ON ${what} IS 'about it'`,
    ),
    "SELECT nextval('s')",
  );
  const old = await openOldDatabase(path, { memoryMb: 256, tempFolder: join(folder, 'temp') });
  const lost = await listLost(old.connection);
  old.close();
  expect(lost.map(({ kind, name, definition }) => `${kind} ${name}: ${definition}`)).toEqual([
    'collation main.t.a b: COLLATE NOCASE',
    'comment on column main.t.a b: about it',
    'comment on index main.i: about it',
    'comment on macro main.add: about it',
    'comment on sequence main.s: about it',
    'comment on table main.t: about it',
    'comment on type main.mood: about it',
    'comment on view main.v: about it',
    'constraint main.t: CHECK((id > 0))',
    'constraint main.t: NOT NULL',
    'constraint main.t: PRIMARY KEY(id)',
    "default main.t.a b: 'x'",
    'empty schema spare: ',
    'generated column main.t.twice: CAST((id * 2) AS INTEGER)',
    'index main.i: CREATE INDEX i ON t(id);',
    'macro main.add: (x, y) AS (x + y)',
    expect.stringMatching(/^sequence main.s: CREATE SEQUENCE s .*START 6 /),
    'table macro main.pair: (x) AS SELECT x, x',
    "type main.mood: ENUM('sad', 'it''s')",
  ]);
});

test('names that DuckDB tells apart are kept, and compared, apart', async () => {
  const old = await databaseWith(
    'CREATE TABLE t (id INTEGER, "É" INTEGER, "é" INTEGER, "İ" INTEGER, "i\u0307" INTEGER, _SEQ INTEGER)',
    'INSERT INTO t VALUES (1, 2, 3, 4, 5, 6)',
  );
  const { columns, file } = await copied(old);
  expect(columns.map(({ canonName }) => canonName)).toEqual(['id', 'É', 'é', 'İ', 'i\u0307', '_SEQ_']);
  const { connection, close } = await openMemoryDatabase({ memoryMb: 256, threads: 1 });
  onTestFinished(close);
  await connection.run(`ATTACH '${old.path}' AS old_database (READ_ONLY)`);
  const pair = { catalog: 'old_database', schema: 'main', table: 't' };
  const { compared, schema } = await pairColumns(connection, parquet(file), pair);
  expect([schema.onlyInBus, schema.onlyInOld]).toEqual([[], []]);
  expect(compared.map(({ name }) => name)).toEqual(columns.map(({ canonName }) => canonName));
});

test('a choice of names means the table that DuckDB would take', () => {
  const tables = ['É', 'é', 'Trades'].map(table => ({ schema: 'main', table }));
  const choices = { map: new Map([['main.é', 'small']]), skip: ['MAIN.trades'], only: [], skipKnown: false };
  expect(chooseNames(tables, choices)).toEqual({
    named: [
      { schema: 'main', table: 'É', canon: '_' },
      { schema: 'main', table: 'é', canon: 'small' },
    ],
    conflicts: [],
  });
});
