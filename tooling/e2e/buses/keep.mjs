// Keeps a bus of the version that is built, as `<version>.tar.gz` beside this file:
// `node tooling/e2e/buses/keep.mjs`. Every later version must read it
// (test/care/kept-buses.test.ts). Run it once per release, before the version is raised.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

const root = resolve(import.meta.dirname, '../../..');
const daemon = join(root, 'packages/bus-daemon');
const { version } = JSON.parse(readFileSync(join(daemon, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'quantbot-keep-'));
const env = { ...process.env, QUANTBOT_LOG_LEVEL: 'error' };
const bus = (...args) => execFileSync(process.execPath, [join(daemon, 'dist/cli.js'), ...args], { cwd: folder, env });

/** Settings under which the first commits are compacted and the last are hot. */
const settings = {
  compaction: { hot_commits: 3, idle_s: 0.1 },
  canon: { tables: { orders: { mode: 'upsert', key: ['id'] } } },
};

/** A job per row: run, kind, SELECT, hint. */
const jobs = [
  [
    'types',
    'values',
    `SELECT 9007199254740993::BIGINT AS whole, 12.345::DECIMAL(18, 3) AS exact, 0.1::DOUBLE AS near, 'Zürich' AS word,
      TIMESTAMP '2026-01-31 12:00:00.123456' AS at, DATE '2026-01-31' AS day, true AS yes, [1, 2, NULL] AS list,
      {'a': 1, 'b': 'x'} AS pair, NULL::VARCHAR AS nothing`,
    'canon.values',
  ],
  ['first', 'orders', "SELECT 1 AS id, 'open' AS state UNION ALL SELECT 2, 'open'", 'canon.orders'],
  ['second', 'orders', "SELECT 2 AS id, 'filled' AS state UNION ALL SELECT 3, 'open'", 'canon.orders'],
  ['old', 'notes', "SELECT 'forget me' AS note", undefined],
  ['new', 'notes', "SELECT 'keep me' AS note", undefined],
];

const database = await (await DuckDBInstance.create()).connect();
const write = async (name, select) => {
  await database.run(`COPY (${select}) TO '${join(folder, name)}.parquet'`);
  return `${name}.parquet`;
};
const submit = (file, runId, kind, hint, jobId = runId) =>
  bus(
    'submit',
    file,
    ...['--producer', 'keeper', '--kind', kind, '--run-id', runId, '--job-id', jobId],
    ...['--artifact-id', kind],
    ...(hint === undefined ? [] : ['--schema-hint', hint]),
  );

try {
  writeFileSync(join(folder, 'bus_config.json'), `${JSON.stringify(settings, null, 2)}\n`);
  bus('start', '--drain');
  for (const [runId, kind, select, hint] of jobs) {
    submit(await write(runId, select), runId, kind, hint);
    bus('start', '--drain');
  }
  submit(await write('first', "SELECT 1 AS id, 'other' AS state"), 'first', 'orders', 'canon.orders', 'conflict');
  bus('start', '--drain'); // rejects it: other bytes under a key
  for (const args of [
    ['alias', 'set', 'keeper/notes@prod', 'new/keeper/notes/notes'],
    ['keep', 'types/keeper/values/values', '--reason', 'for later versions'],
    ['forget', 'old/keeper/notes/notes', '--apply', '--reason', 'for later versions'],
  ])
    bus(...args);
  submit(await write('third', "SELECT 3 AS id, 'filled' AS state"), 'third', 'orders', 'canon.orders');
  bus('start', '--drain'); // stays hot
  submit(await write('waits', "SELECT 4 AS id, 'open' AS state"), 'waits', 'orders', 'canon.orders');
  const to = join(import.meta.dirname, `${version}.tar.gz`);
  // The daemon publishes again in another place.
  const options = ['--owner=0', '--group=0', '--exclude=data/bus/published/*'];
  execFileSync('tar', ['-czf', to, ...options, 'bus_config.json', 'data/bus', 'data/exports'], { cwd: folder });
  console.log(`kept a bus of ${version} in ${to}`);
} finally {
  database.closeSync();
  rmSync(folder, { recursive: true, force: true });
}
