import type { SettledJob } from '@quantbot/bus-http';
import { History, quantile } from '@quantbot/bus-http/metrics';
import { expect, test } from 'vitest';
import { openInProcess } from '../../test/support/in-process-bus.js';

const job = (latencyMs: number | undefined, outcome: SettledJob['outcome'] = 'ingested'): SettledJob => ({
  seq: 1,
  jobId: 'a',
  outcome,
  runId: null,
  producer: null,
  kind: null,
  artifacts: 1,
  rows: 1,
  bytes: 10,
  quarantined: 0,
  latencyMs,
  submittedAtMs: undefined,
  visibleAtMs: 0,
  tables: [],
  trace: undefined,
  rejection: undefined,
});

test('a sample has what settled since the one before, and the next begins at nothing', async () => {
  const { bus, advance } = await openInProcess();
  const history = new History(bus, async () => 7);
  bus.events.emit('settled', { jobs: [job(5), job(20), job(undefined, 'rejected')], lastSeq: 3, seconds: 1 });
  await history.sample();
  advance(5000);
  await history.sample();
  expect(history.samples).toEqual([
    { at: bus.now() - 5000, jobs: 3, rejected: 1, bytes: 30, queue: 7, latencyMedianMs: 5, latencyP99Ms: 20 },
    { at: bus.now(), jobs: 0, rejected: 0, bytes: 0, queue: 7, latencyMedianMs: null, latencyP99Ms: null },
  ]);
});

test('an hour is kept, not more', async () => {
  const { bus } = await openInProcess();
  const history = new History(bus, async () => 0);
  for (let i = 0; i < 725; i++) {
    bus.events.emit('settled', { jobs: Array.from({ length: i }, () => job(1)), lastSeq: i, seconds: 1 });
    await history.sample();
  }
  expect(history.samples.map(sample => sample.jobs)).toEqual(Array.from({ length: 720 }, (_, i) => i + 5));
});

test('quantiles are by nearest rank', () => {
  const numbers = [15, 20, 35, 40, 50];
  expect([0.05, 0.3, 0.4, 0.5, 1].map(q => quantile(numbers, q))).toEqual([15, 20, 20, 35, 50]);
  expect(quantile([], 0.5)).toBeNull();
});
