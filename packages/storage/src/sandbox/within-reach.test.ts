import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runIn } from '../../test/support/database.js';
import { streamSelect } from './stream-select.js';
import { assertWithinReach } from './within-reach.js';

/** A bus with a file in its store and one in its inbox, and its database. */
async function makeBus() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'within-reach-')));
  for (const path of ['bus/store', 'bus/canon', 'bus/inbox/j', 'bus/journal/hot', 'bus/journal/building', 'exports'])
    mkdirSync(join(folder, path), { recursive: true });
  for (const path of ['bus/store/a.csv', 'exports/b.csv', 'bus/inbox/j/c.csv', 'bus/journal/building/d.csv', 'e.csv'])
    writeFileSync(join(folder, path), 'n\n1\n');
  symlinkSync(join(folder, 'bus/store/a.csv'), join(folder, 'bus/inbox/j/link.csv'));
  symlinkSync(join(folder, 'bus/store'), join(folder, 'bus/inbox/j/folder'));
  symlinkSync(join(folder, 'e.csv'), join(folder, 'bus/store/out.csv'));
  symlinkSync(folder, `${folder}-by-another-name`);
  const duckdbPath = join(folder, 'alerts.duckdb');
  await runIn(
    duckdbPath,
    'CREATE SCHEMA catalog',
    'CREATE SCHEMA canon',
    'CREATE VIEW canon.csv AS SELECT 1 AS n',
    `CREATE VIEW catalog.bus_info AS SELECT '${folder}-by-another-name/bus' AS bus_root, '${folder}/exports' AS export_dir`,
  );
  return { folder, duckdbPath };
}

let bus: Awaited<ReturnType<typeof makeBus>>;
beforeAll(async () => {
  bus = await makeBus();
});
afterAll(() => {
  for (const path of [bus.folder, `${bus.folder}-by-another-name`]) rmSync(path, { recursive: true });
});

async function rowsOf(sql: string): Promise<number> {
  const { folder, duckdbPath } = bus;
  let count = 0;
  const text = sql.replaceAll('{bus}', join(folder, 'bus')).replaceAll('{folder}', folder);
  for await (const { rows } of streamSelect(text, { database: duckdbPath, values: 'json' })) count += rows.length;
  return count;
}

test.each([
  ['a file of the store', "FROM read_csv('{bus}/store/a.csv')"],
  [
    'it, by the name of the folder that the configuration has',
    "FROM read_csv('{folder}-by-another-name/bus/store/a.csv')",
  ],
  ['it, as a table', "FROM '{bus}/store/a.csv'"],
  ['a glob of the exports', "SELECT DISTINCT filename FROM read_text('{folder}/exports/*.csv')"],
  [
    'several files',
    "FROM read_csv(['{bus}/store/a.csv']) UNION ALL FROM read_csv(list_value('{folder}/exports/b.csv')) LIMIT 1",
  ],
  ['a view that is called like a file', 'FROM canon.csv'],
  ['functions that read nothing', "FROM range(1) UNION ALL SELECT 2 FROM json_each('[1]') WHERE false"],
])('%s can be read', async (_what, sql) => {
  expect(await rowsOf(sql)).toBe(1);
});

test('a path from the working folder can be read', async () => {
  const { folder } = bus;
  expect(await rowsOf(`FROM read_csv('${relative(process.cwd(), join(folder, 'bus/store/a.csv'))}')`)).toBe(1);
});

test.each([
  ['a file that a producer has written', "FROM read_text('{bus}/inbox/j/c.csv')"],
  [
    "a producer's link that ends in the store: it may lead elsewhere when it is opened",
    "FROM read_csv('{bus}/inbox/j/link.csv')",
  ],
  ["a producer's link to the store itself", "FROM glob('{bus}/inbox/j/folder/*')"],
  ['a way back from such a link', "FROM read_csv('{bus}/inbox/j/folder/../store/a.csv')"],
  ['a way back from the store', "FROM read_csv('{bus}/store/../store/a.csv')"],
  ['what the daemon is just writing', "FROM read_text('{bus}/journal/building/d.csv')"],
  ['a file elsewhere', "FROM read_text('/etc/passwd')"],
  ['a folder whose name begins alike', "FROM glob('{bus}/storeroom/*')"],
  ['everything', "FROM glob('{folder}/**')"],
  ['an address', "FROM read_csv('file://{bus}/store/a.csv')"],
  ['the home folder', "FROM read_text('~/.profile')"],
  ['one of several files', "FROM read_csv(['{bus}/store/a.csv', '{folder}/e.csv'])"],
  ['a path that is computed', "FROM read_csv('{bus}/store/a' || '.csv')"],
  ['a path of a list that is computed', "FROM read_csv(['{bus}/store/a' || '.csv'])"],
  ['a path behind another argument', "FROM read_csv(header = true, '/etc/passwd')"],
  ['a path that is called an argument', "FROM read_csv(x := '{bus}/store/a.csv', '/etc/passwd')"],
  ['a file as a table', "FROM '{folder}/e.csv'"],
  ['a file as a table of a schema', 'FROM "{folder}/e"."csv"'],
  ['a file of the working folder as a table', 'FROM "e.csv"'],
  [
    'a name of WITH that is a file outside of it',
    `SELECT (WITH "{folder}/e.csv" AS (SELECT 1) SELECT 1) FROM "{folder}/e.csv"`,
  ],
  ['a file in a subquery', "SELECT (SELECT count(*) FROM '{folder}/e.csv')"],
  ['a file to be described', "DESCRIBE '{folder}/e.csv'"],
  ['a file to be summarised', "SUMMARIZE '{folder}/e.csv'"],
  ['a file to be turned', "PIVOT '{folder}/e.csv' ON n IN (1) USING count(*)"],
  ['a file in a join', "SELECT 1 FROM range(1) POSITIONAL JOIN '{folder}/e.csv'"],
  ['SQL in a text', `FROM query('FROM read_text(''/etc/passwd'')')`],
  ['a table in a text', "FROM query_table('{folder}/e.csv')"],
  ['SQL as a tree', "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))"],
  ['names of files to choose from', "FROM sql_auto_complete('FROM ''/etc/')"],
  ['another database', "FROM read_duckdb('{folder}/alerts.duckdb')"],
  ["DuckDB's memory", 'FROM arrow_scan(1::POINTER, 1::POINTER, 1::POINTER)'],
  ['a log', 'FROM enable_logging()'],
  ['the database of a cluster', 'FROM __ducklake_metadata__published.bus.head'],
  ['a schema of that database', 'FROM __ducklake_metadata__published.head'],
])('%s is out of reach', async (_what, sql) => {
  await expect(rowsOf(sql)).rejects.toMatchObject({ code: 'OUT_OF_REACH' });
});

const inBucket = { folders: ['s3://bucket/bus/store'], relations: new Set<string>() };
const reading = (path: string) => ({
  type: 'TABLE_FUNCTION',
  function: {
    function_name: 'read_parquet',
    children: [{ class: 'CONSTANT', value: { type: { id: 'VARCHAR' }, value: path } }],
  },
});

test('an object below a folder of the bucket can be read', () => {
  assertWithinReach([reading('s3://bucket/bus/store/p/k/a.parquet')], 'The query', inBucket);
});

test.each([
  ['an object elsewhere', 's3://bucket/bus/inbox/a.json'],
  ['a prefix that begins alike', 's3://bucket/bus/storeroom/a'],
  ['a way back', 's3://bucket/bus/store/../inbox/a'],
  ['another bucket', 's3://other/bus/store/a'],
  ['another scheme', 'https://bucket/bus/store/a'],
  ['an object of another server', 's3://bucket/bus/store/a?s3_endpoint=elsewhere'],
  ['a local file of that name', 's3:/bucket/bus/store/a'],
])('%s in an object store is out of reach', (_what, path) => {
  const outOfReach = expect.objectContaining({ code: 'OUT_OF_REACH' });
  expect(() => assertWithinReach([reading(path)], 'The query', inBucket)).toThrow(outOfReach);
});

test('a link in the store that leads out of the bus is not followed', async () => {
  await expect(rowsOf("FROM read_csv('{bus}/store/out.csv')")).rejects.toMatchObject({ code: 'QUERY_FAILED' });
});
