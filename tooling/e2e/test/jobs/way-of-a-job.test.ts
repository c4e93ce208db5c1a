import { existsSync, readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readParquet } from '@quantbot/storage';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { spawnDaemon, startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

test('a submitted job is in the catalog by the time that it has settled, and its receipt says where it is', async () => {
  const bus = makeTestBus();
  const daemon = await startDaemon(bus);
  const submission = await submit(bus, {
    runId: 'run-1',
    select: `SELECT 'a' AS token, 1.5::DOUBLE AS price`,
    meta: { interval: '1m' },
    inputs: ['run-0/p/k/a'],
  });
  const receipt = await submission.settled();
  expect(receipt).toMatchObject({ job_id: submission.jobId, seq: 1, status: 'ingested', run_id: 'run-1' });
  const [artifact] = await query(bus, 'SELECT * FROM catalog.artifacts_f');
  expect(artifact).toMatchObject({
    seq: 1,
    ordinal: 0,
    artifact_key: 'run-1/tests/numbers/numbers',
    job_id: submission.jobId,
    format: 'parquet',
    canonical_path: receipt.artifacts[0]?.canonical_path,
    rows: 1,
    bytes: submission.artifacts[0]?.bytes,
    sha256: submission.artifacts[0]?.sha256,
    schema_hint: null,
    inputs: ['run-0/p/k/a'],
    meta_json: '{"interval":"1m"}',
  });
  expect(await readParquet(String(artifact?.canonical_path))).toEqual([{ token: 'a', price: 1.5 }]);
  expect((await daemon.stop()).code).toBe(0);
});

test('after a job has settled only manifest and receipt are kept of its folder, and its file is read-only in the store', async () => {
  const bus = makeTestBus();
  await startDaemon(bus);
  const submission = await submit(bus);
  const receipt = await submission.settled();
  const { layout } = bus;
  expect(readdirSync(join(layout.processed, submission.jobId)).sort()).toEqual(['RECEIPT.json', 'manifest.json']);
  expect(readdirSync(layout.inbox)).toEqual([]);
  expect(readdirSync(layout.claimed)).toEqual([]);
  expect(readdirSync(layout.staging)).toEqual([]);
  const path = receipt.artifacts[0]?.canonical_path ?? '';
  expect(statSync(path).mode & 0o777).toBe(0o444);
  expect(path).toBe(join(layout.root, `store/tests/numbers/${receipt.run_id}@numbers.parquet`));
  expect(statSync(path).nlink).toBe(1);
});

test('the views have the columns that are public, under their names and types', async () => {
  const bus = makeTestBus();
  await startDaemon(bus);
  await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
  const columns = await query(
    bus,
    `SELECT table_schema || '.' || table_name AS name, list(column_name || ' ' || data_type ORDER BY ordinal_position) AS columns
     FROM information_schema.columns WHERE table_schema IN ('catalog', 'canon') GROUP BY name ORDER BY name`,
  );
  const byName = Object.fromEntries(columns.map(row => [row.name, (row.columns as string[]).join(', ')]));
  const artifact =
    'seq BIGINT, ordinal BIGINT, artifact_key VARCHAR, run_id VARCHAR, producer VARCHAR, kind VARCHAR, artifact_id VARCHAR, job_id VARCHAR, \
format VARCHAR, rel_path VARCHAR, canonical_path VARCHAR, rows BIGINT, bytes BIGINT, sha256 VARCHAR, schema_hint VARCHAR, schema_json VARCHAR, \
inputs VARCHAR[], meta_json VARCHAR, created_at_utc TIMESTAMP, committed_at TIMESTAMP';
  expect(byName['catalog.artifacts_f']).toContain(artifact);
  expect(byName['catalog.latest_artifacts_v']).toContain(artifact);
  expect(byName['catalog.jobs_f']).toBe(
    'seq BIGINT, job_id VARCHAR, status VARCHAR, run_id VARCHAR, producer VARCHAR, kind VARCHAR, artifacts BIGINT, rows BIGINT, bytes BIGINT, \
created_at_utc TIMESTAMP, committed_at TIMESTAMP, reject_code VARCHAR, reject_error VARCHAR, \
dismissed_at TIMESTAMP, dismiss_note VARCHAR, dismissed_by VARCHAR',
  );
  expect(byName['catalog.runs_d']).toBe(
    'run_id VARCHAR, producers VARCHAR[], kinds VARCHAR[], jobs BIGINT, artifacts BIGINT, rows BIGINT, bytes BIGINT, first_seq BIGINT, \
last_seq BIGINT, first_committed_at TIMESTAMP, last_committed_at TIMESTAMP',
  );
  expect(byName['catalog.lineage_v']).toBe(
    'artifact_key VARCHAR, input_key VARCHAR, seq BIGINT, run_id VARCHAR, producer VARCHAR, kind VARCHAR, committed_at TIMESTAMP',
  );
  expect(byName['catalog.datasets_d']).toBe(
    'producer VARCHAR, kind VARCHAR, artifact_id VARCHAR, schema_hint VARCHAR, artifacts BIGINT, rows BIGINT, bytes BIGINT, last_seq BIGINT, \
last_run_id VARCHAR, last_committed_at TIMESTAMP',
  );
  expect(byName['catalog.exports_d']).toBe(
    'name VARCHAR, ok BOOLEAN, path VARCHAR, rows BIGINT, bytes BIGINT, sha256 VARCHAR, files BIGINT, as_of_seq BIGINT, started_at TIMESTAMP, \
duration_ms BIGINT, error VARCHAR',
  );
  expect(byName['catalog.bus_info']).toBe(
    'bus_id VARCHAR, data_root VARCHAR, bus_root VARCHAR, export_dir VARCHAR, format_version INTEGER, daemon_version VARCHAR, \
duckdb_version VARCHAR, published_at TIMESTAMP, compacted_seq BIGINT, duckdb_path VARCHAR',
  );
  expect(byName['canon.numbers']).toBe('n BIGINT, _seq BIGINT, _artifact_key VARCHAR');
});

test('latest is by the order of commits, newest first, whatever the clocks of the producers said', async () => {
  const bus = makeTestBus();
  await startDaemon(bus);
  for (const [runId, artifactId] of [
    ['r1', 'a'],
    ['r1', 'b'],
    ['r2', 'a'],
  ])
    await (await submit(bus, { runId, artifactId })).settled();
  const latest = await query(bus, 'SELECT artifact_id, run_id, seq FROM catalog.latest_artifacts_v');
  expect(latest).toEqual([
    { artifact_id: 'a', run_id: 'r2', seq: 3 },
    { artifact_id: 'b', run_id: 'r1', seq: 2 },
  ]);
  expect(
    await query(bus, 'SELECT run_id, jobs, artifacts, first_seq, last_seq FROM catalog.runs_d ORDER BY 1'),
  ).toEqual([
    { run_id: 'r1', jobs: 2, artifacts: 2, first_seq: 1, last_seq: 2 },
    { run_id: 'r2', jobs: 1, artifacts: 1, first_seq: 3, last_seq: 3 },
  ]);
});

test('the process is found as bus_daemon', async () => {
  const bus = makeTestBus();
  const daemon = await spawnDaemon(bus);
  const title = await readFile(`/proc/${daemon.pid}/cmdline`, 'utf8').catch(() => undefined);
  if (title === undefined) return; // no /proc here
  expect(title).toMatch(/^bus_daemon start/);
});

test('an empty bus answers every view with no rows', async () => {
  const bus = makeTestBus();
  await startDaemon(bus);
  for (const view of ['artifacts_f', 'latest_artifacts_v', 'jobs_f', 'runs_d', 'lineage_v', 'datasets_d', 'exports_d'])
    expect(await query(bus, `SELECT * FROM catalog.${view}`), view).toEqual([]);
  expect(existsSync(join(bus.config.export.exportDir, '_export_status.json'))).toBe(true);
});
