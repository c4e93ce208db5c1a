import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExportState, SettledJob } from '@quantbot/bus-http';
import { createMetrics, Gauges } from '@quantbot/bus-http/metrics';
import { expect, test } from 'vitest';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { oneMachine } from './one-machine.js';

const docs = join(import.meta.dirname, '../../../../docs');

const daily: ExportState = {
  name: 'daily',
  path: '/x',
  ok: true,
  upToDate: false,
  writtenAtMs: 5000,
  lastRunAtMs: 4000,
  durationMs: 1000,
  rows: 1,
  bytes: 100,
  files: 1,
  asOfSeq: 1,
  error: null,
};

const use = { artifacts: 1, bytes: 700, lastDayBytes: 700, lastWeekBytes: 700 };
const space = {
  ...{ total: use, producers: [{ name: 'sim', ...use }], kinds: [{ name: 'trades', ...use }], tables: [] },
  firstCommittedAt: null,
};

async function metricsOfAll() {
  const { bus, advance } = await openInProcess();
  const seen = oneMachine(bus);
  await seen.totals();
  const loop = {
    health: { state: 'running' as const, sinceMs: 0, cause: undefined, alive: true, stuckForMs: 0 },
    oldestWaitingMs: bus.now() - 4000,
    waitingTables: [],
    exports: async () => [daily],
  };
  const registry = createMetrics(seen, new Gauges(seen, loop, async () => space));
  const job: SettledJob = {
    seq: 1,
    jobId: 'a',
    outcome: 'ingested',
    runId: 'r',
    producer: 'p',
    kind: 'k',
    artifacts: 2,
    rows: 30,
    bytes: 400,
    quarantined: 1,
    latencyMs: 20,
    submittedAtMs: undefined,
    visibleAtMs: 0,
    tables: [],
    trace: undefined,
    rejection: undefined,
  };
  const rejection = { code: 'HASH_MISMATCH', error: '', hint: '' };
  const rejected: SettledJob = {
    ...job,
    outcome: 'rejected',
    artifacts: 0,
    rows: 0,
    bytes: 0,
    quarantined: 0,
    rejection,
  };
  bus.events.emit('settled', { jobs: [job, job, rejected], lastSeq: 3, seconds: 0.2 });
  bus.events.emit('stage', { stage: 'commit', seconds: 0.02 });
  bus.events.emit('export', { name: 'daily', ok: false, seconds: 1, asOfSeq: 1, rows: 1, bytes: 1, error: 'no' });
  const removed = { processed: 0, rejected: 1, staging: 2, orphan: 0 };
  bus.events.emit('collected', { removed, bytes: 900 });
  bus.events.emit('compaction', { seconds: 1 });
  bus.events.emit('damage', [{ code: 'CHANGED', what: 'store/a', detail: '' }]);
  bus.events.emit('state', { state: 'paused', code: 'ENOSPC', message: 'full' });
  return { registry, bus, advance };
}

test('docs/reference/metrics.md has each metric with its type, labels and help, and no other', async () => {
  const { registry } = await metricsOfAll();
  const [page = ''] = readFileSync(join(docs, 'reference/metrics.md'), 'utf8').split('## Only on a cluster');
  const documented = [...page.matchAll(/^\| `(quantbot_bus_\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$/gm)].map(
    ([, name, type, labels, help]) => ({ name, type, labels: (labels ?? '').replaceAll('`', '').trim(), help }),
  );
  const there = (await registry.getMetricsAsJSON())
    .filter(({ name }) => name.startsWith('quantbot_bus_'))
    .map(({ name, type, help, values }) => ({
      name,
      type: String(type),
      labels: [...new Set(values.flatMap(({ labels }) => Object.keys(labels)))].filter(l => l !== 'le').join(', '),
      help,
    }));
  expect(documented).toEqual(there);
});

test('what happened is counted, and what is there is told', async () => {
  const { registry } = await metricsOfAll();
  const text = await registry.metrics();
  for (const line of [
    'quantbot_bus_jobs_total{outcome="ingested"} 2',
    'quantbot_bus_jobs_total{outcome="rejected"} 1',
    'quantbot_bus_jobs_total{outcome="duplicate"} 0',
    'quantbot_bus_rejections_total{code="HASH_MISMATCH"} 1',
    'quantbot_bus_rejections_total{code="NOT_PARQUET"} 0',
    'quantbot_bus_artifacts_total 4',
    'quantbot_bus_quarantined_artifacts_total 2',
    'quantbot_bus_artifact_rows_total 60',
    'quantbot_bus_artifact_bytes_total 800',
    'quantbot_bus_submit_to_visible_seconds_count 3',
    'quantbot_bus_submit_to_visible_seconds_bucket{le="0.025"} 3',
    'quantbot_bus_submit_to_visible_seconds_bucket{le="0.01"} 0',
    'quantbot_bus_batch_jobs_sum 3',
    'quantbot_bus_stage_duration_seconds_sum{stage="commit"} 0.02',
    'quantbot_bus_stage_duration_seconds_count{stage="store"} 0',
    'quantbot_bus_export_runs_total{export="daily",outcome="failed"} 1',
    'quantbot_bus_pauses_total{code="ENOSPC"} 1',
    'quantbot_bus_state{state="running"} 1',
    'quantbot_bus_state{state="paused"} 0',
    'quantbot_bus_writer_lock_held 0',
    'quantbot_bus_oldest_job_age_seconds 4',
    'quantbot_bus_store_bytes 800',
    'quantbot_bus_stored_bytes{by="producer",name="sim"} 700',
    'quantbot_bus_stored_bytes{by="kind",name="trades"} 700',
    `quantbot_bus_disk_min_free_bytes ${64 * 1024 ** 2}`,
    'quantbot_bus_gc_freed_bytes_total 900',
    'quantbot_bus_gc_removed_total{kind="staging"} 2',
    'quantbot_bus_export_up_to_date{export="daily"} 0',
    'quantbot_bus_export_last_success_timestamp_seconds{export="daily"} 5',
  ])
    expect(text.split('\n')).toContain(line);
});

test('the Grafana dashboard asks for metrics that there are', async () => {
  const { registry } = await metricsOfAll();
  const names = new Set((await registry.getMetricsAsJSON()).map(({ name }) => name));
  const dashboard = JSON.parse(readFileSync(join(docs, 'ops/grafana.json'), 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const asked = dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({ title, metrics: expr.match(/\b(quantbot_bus|process|nodejs)_\w+/g) ?? [] })),
  );
  expect(asked.length).toBeGreaterThan(10);
  for (const { title, metrics } of asked) {
    expect(metrics, title).not.toEqual([]);
    for (const metric of metrics) expect(names, title).toContain(metric.replace(/_(bucket|sum|count)$/, ''));
  }
});
