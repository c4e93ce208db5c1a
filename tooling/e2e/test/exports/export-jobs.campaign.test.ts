// @module-tag campaign
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readParquet } from '@quantbot/storage';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain } from '../support/daemon-process.js';
import { doctor } from '../support/doctor.js';
import { query } from '../support/query.js';

const status = (exportDir: string) => JSON.parse(readFileSync(join(exportDir, '_export_status.json'), 'utf8')).exports;

test('a SELECT of the configuration becomes an export of its own, over canonical tables and the catalog', async () => {
  const jobs = [
    { name: 'sums', sql: 'SELECT sum(n) AS total, count(*) AS "rows" FROM canon.numbers -- all of them' },
    { name: 'by_run', sql: 'SELECT run_id, rows FROM catalog.artifacts_f ORDER BY run_id', path: 'deep/runs.parquet' },
  ];
  const bus = makeTestBus({ export: { jobs, min_interval_s: 0, max_share: 1 } });
  await drain(bus);
  for (const runId of ['a', 'b']) await submit(bus, { runId, schemaHint: 'canon.numbers', select: numbers(4) });
  await drain(bus);
  const { exportDir } = bus.config.export;
  expect(await readParquet(join(exportDir, 'sums.parquet'))).toEqual([{ total: '12', rows: 8 }]);
  expect(await readParquet(join(exportDir, 'deep/runs.parquet'))).toEqual([
    { run_id: 'a', rows: 4 },
    { run_id: 'b', rows: 4 },
  ]);
  expect(status(exportDir)).toMatchObject({
    sums: { ok: true, as_of_seq: 2 },
    by_run: { ok: true },
    numbers: { ok: true },
  });
});

test('a table that a producer creates takes the place of no export, by its name or its path', async () => {
  const jobs = [
    { name: 'Daily', sql: 'SELECT 1 AS good' },
    { name: 'sums', sql: 'SELECT 2 AS good', path: 'Report.parquet' },
    { name: 'days', sql: 'SELECT 3 AS good', path: 'weekly', layout: 'dataset' },
  ];
  const tables = { weekly: { layout: 'dataset' } };
  const bus = makeTestBus({ export: { jobs, tables, min_interval_s: 0, max_share: 1 } });
  await drain(bus);
  for (const table of ['daily', 'report', 'weekly', 'other'])
    await submit(bus, { runId: table, schemaHint: `canon.${table}`, select: numbers(4) });
  await drain(bus);
  const { exportDir } = bus.config.export;
  expect(Object.keys(status(exportDir)).sort()).toEqual(['Daily', 'days', 'other', 'sums']);
  expect(readdirSync(exportDir).filter(name => !/^[._]/.test(name))).toEqual([
    'Daily.parquet',
    'Report.parquet',
    'other.parquet',
    'weekly',
  ]);
  expect(await readParquet(join(exportDir, 'Report.parquet'))).toEqual([{ good: 2 }]);
  expect(await readParquet(join(exportDir, 'weekly/*.parquet'))).toEqual([{ good: 3 }]);
  expect((await doctor(bus)).codes).toEqual(['DAEMON_NOT_RUNNING']);
});

test('a file that was accepted does not break the export of the table that it shares, however little it has', async () => {
  const bus = makeTestBus({ limits: { decode_memory_mb: 512 }, export: { memory_limit_mb: 64 } });
  await drain(bus);
  await submit(bus, { runId: 'other', schemaHint: 'canon.shared', select: "SELECT ['text'] AS texts" });
  // 2 KB that become 40 MB: more than what DuckDB can write with 64 MB.
  const texts = "SELECT [repeat('y', 1000000) || n || '-' || range FOR n IN range(4)] AS texts FROM range(10)";
  await submit(bus, { runId: 'heavy', schemaHint: 'canon.shared', select: texts });
  await drain(bus);
  expect(status(bus.config.export.exportDir)).toMatchObject({ shared: { ok: true, rows: 11, error: null } });
});

test('SQL that is not one SELECT over the bus’s data fails alone, with a clear status; ingestion and the other exports go on', async () => {
  const secret = join(makeTestBus().folder, 'secret.csv');
  writeFileSync(secret, 'a\n42\n');
  const hostile: Record<string, string> = {
    reads_a_file: `SELECT * FROM read_csv('${secret}')`,
    reads_a_text: `SELECT * FROM read_text('${secret}')`,
    lists_files: `SELECT * FROM glob('/etc/*')`,
    writes: `COPY (SELECT 1) TO '${secret}.out'`,
    two: 'SELECT 1; SELECT 2',
    closes: `SELECT 1) TO '${secret}.out'; SELECT (1`,
    attaches: `ATTACH '${secret}.db' AS x`,
    sets: `SET memory_limit = '64GB'`,
    installs: 'INSTALL httpfs',
    nothing: 'SELECT * FROM canon.nothing',
    wrong: 'SELEC 1',
    recurses: 'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT 1 FROM t) SELECT count(*) FROM t',
    nests: `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}`,
    hoards: `SELECT list(a.range || repeat('x', 1000)) FROM range(20000000) a`,
    logs: `SELECT * FROM enable_logging('all', storage = 'file', storage_path = '${secret}.logs')`,
    asks_settings: `SELECT getenv('HOME')`,
    writes_by_function: `SELECT write_log('x', level := 'error', scope := 'connection') FROM read_text('/etc/passwd')`,
    calls: `CALL enable_logging()`,
    loads: 'LOAD httpfs',
    reads_a_url: `SELECT * FROM 'https://example.com/x.parquet'`,
    reads_passwd: `SELECT * FROM read_text('/etc/passwd')`,
    reads_itself: `SELECT * FROM read_blob('/proc/self/environ')`,
    exports: `EXPORT DATABASE '${secret}.dump'`,
    pragma: `PRAGMA enable_profiling`,
  };
  const jobs = sampleOf(Object.entries(hostile), 8).map(([name, sql]) => ({ name, sql }));
  const bus = makeTestBus({ export: { jobs, min_interval_s: 0, max_share: 1, timeout_s: 3, memory_limit_mb: 128 } });
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers', select: numbers(4) });
  await drain(bus);
  const { exportDir } = bus.config.export;
  const statuses = status(exportDir);
  for (const { name } of jobs)
    expect({ name, ...statuses[name] }).toMatchObject({ name, ok: false, error: expect.stringMatching(/\w{5}/) });
  expect(statuses.numbers).toMatchObject({ ok: true, rows: 4 });
  expect(readdirSync(exportDir).sort()).toEqual(['_export_status.json', 'numbers.parquet']);
  expect(
    readdirSync(dirname(secret))
      .filter(name => name.startsWith('secret'))
      .sort(),
  ).toEqual(['secret.csv']);
  expect(await query(bus, 'SELECT count(*) AS n FROM catalog.exports_d WHERE NOT ok')).toEqual([{ n: jobs.length }]);
});

test('an export that takes more memory than it may says which setting to raise', async () => {
  const jobs = [{ name: 'large', sql: `SELECT list(range || repeat('x', 1000)) AS all_of_it FROM range(400000)` }];
  const bus = makeTestBus({ export: { jobs, memory_limit_mb: 64 } });
  await drain(bus);
  const { error } = status(bus.config.export.exportDir).large as { error: string };
  expect(error).toMatch(/^Out of Memory Error: [^\n]+\. Raise export\.memory_limit_mb, or reduce the work\.$/);
});

test('a SELECT runs again when a table that it reads has changed, and only then', async () => {
  const jobs = [
    {
      name: 'of_numbers',
      sql: 'WITH x AS (SELECT * FROM canon.numbers) SELECT sum(n) AS total FROM x JOIN canon.numbers USING (n)',
    },
    { name: 'of_words', sql: 'SELECT count(*) AS n FROM canon.words WHERE word IN (SELECT word FROM "canon"."WORDS")' },
    { name: 'of_catalog', sql: 'SELECT count(*) AS n FROM catalog.jobs_f' },
  ];
  const bus = makeTestBus({ export: { jobs, min_interval_s: 0, max_share: 1 } });
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  await submit(bus, { schemaHint: 'canon.words', select: `SELECT 'a' AS word` });
  await drain(bus);
  const seqs = () =>
    Object.fromEntries(
      Object.entries(status(bus.config.export.exportDir) as Record<string, { as_of_seq: number }>).map(
        ([name, entry]) => [name, entry.as_of_seq],
      ),
    );
  const before = seqs();
  expect(before).toMatchObject({ of_numbers: 2, of_words: 2, of_catalog: 2 });
  await submit(bus, { schemaHint: 'canon.numbers' });
  await drain(bus);
  expect(seqs()).toEqual({ ...before, of_numbers: 3, of_catalog: 3, numbers: 3 });
});

test('compression, row groups and order are as configured, and the file itself says what it is', async () => {
  const file = { compression: 'snappy', row_group_rows: 2048, sort_by: ['n DESC'] };
  const sql = 'SELECT n FROM canon.numbers';
  const bus = makeTestBus({
    export: {
      jobs: [
        { name: 'sorted', sql, ...file },
        { name: 'signed', sql: `SELECT CAST('-0.0' AS DOUBLE) AS x FROM canon.numbers`, sort_by: ['x'] },
      ],
      tables: { Numbers: { enabled: false } },
      min_interval_s: 0,
      max_share: 1,
    },
  });
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers', select: numbers(5000) });
  await drain(bus);
  const { exportDir } = bus.config.export;
  expect(readdirSync(exportDir).sort()).toEqual(['_export_status.json', 'signed.parquet', 'sorted.parquet']);
  expect(await readParquet(join(exportDir, 'signed.parquet'), { limit: 1 })).toEqual([{ x: -0 }]);
  const path = join(exportDir, 'sorted.parquet');
  const rows = await readParquet(path);
  expect([rows[0], rows.at(-1)]).toEqual([{ n: 4999 }, { n: 0 }]);
  const [pages] = await query(
    bus,
    `SELECT count(DISTINCT row_group_id) AS row_groups, list(DISTINCT compression) AS compressions FROM parquet_metadata('${path}')`,
  );
  expect(pages).toEqual({ row_groups: 3, compressions: ['SNAPPY'] });
  const metadata = Object.fromEntries(
    (await query(bus, `SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${path}')`)).map(
      ({ key, value }) => [key, value],
    ),
  );
  const [info] = await query(bus, 'SELECT bus_id FROM catalog.bus_info');
  expect(metadata).toMatchObject({
    'quantbot.bus_id': info?.bus_id,
    'quantbot.export': 'sorted',
    'quantbot.as_of_seq': '1',
    'quantbot.sql': sql,
    'quantbot.exported_at': expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
  });
});
