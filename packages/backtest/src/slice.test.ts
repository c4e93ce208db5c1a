import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initBusRoot } from '@quantbot/infra';
import { readParquet, writeParquet } from '@quantbot/storage';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runBaseline } from './baseline.js';
import { candleSchema } from './candles.js';
import { computeCoverage } from './coverage.js';
import type { SlicePlan } from './plan.js';
import { materialiseSlice, sliceSchema } from './slice.js';

let folder: string;
let plan: SlicePlan;

const day = (n: number) => new Date(Date.UTC(2020, 0, n));
const candle = (token: string, n: number) => ({
  token_address: token,
  chain: 'c',
  timestamp: day(n),
  open: n,
  high: n + 1,
  low: n - 0.5,
  close: n + 0.5,
  volume: 100,
});
const call = (callId: string, tokenAddress: string, n: number) => ({
  callId,
  tokenAddress,
  chain: 'c',
  calledAt: day(n),
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quantbot-backtest-'));
  await initBusRoot(join(folder, 'bus'));
  const candles = join(folder, 'candles.parquet');
  await writeParquet(
    candles,
    [...Array.from({ length: 10 }, (_, i) => candle('A', i + 1)), candle('B', 5)],
    candleSchema,
  );
  plan = {
    runId: 'run-1',
    interval: '1d',
    calls: [
      call('ok', 'A', 4),
      call('early', 'A', 1),
      call('late', 'A', 10),
      call('gap', 'B', 6),
      call('unknown', 'C', 4),
      call('ok-2', 'A', 5),
    ],
    window: { before: 2, after: 1 },
    candles,
    outputDir: join(folder, 'out'),
    inputs: ['run-0/market-data/candles/all'],
  };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('coverage says which calls have all of their candles, and what the others lack', async () => {
  const { calls } = await computeCoverage(plan);
  expect(calls.map(({ callId, gap, bars }) => [callId, gap, bars])).toEqual([
    ['ok', null, 4],
    ['early', 'too-few-before', 2],
    ['late', 'too-few-after', 3],
    ['gap', 'no-bar-at-call', 0],
    ['unknown', 'no-candles', 0],
    ['ok-2', null, 4],
  ]);
});

test('a slice holds the window of each eligible call, and goes to the bus with its lineage', async () => {
  const slice = await materialiseSlice(plan, await computeCoverage(plan), { busRoot: join(folder, 'bus') });
  expect(slice.callIds).toEqual(['ok', 'ok-2']);
  const rows = await readParquet(slice.path);
  expect(Object.keys(rows[0] ?? {})).toEqual(Object.keys(sliceSchema));
  expect(rows.map(row => [row.call_id, (row.timestamp as Date).getUTCDate()])).toEqual(
    [2, 3, 4, 5].map(n => ['ok', n]).concat([3, 4, 5, 6].map(n => ['ok-2', n])),
  );
  const [job] = readdirSync(join(folder, 'bus/inbox'));
  const manifest = JSON.parse(readFileSync(join(folder, 'bus/inbox', job as string, 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({
    run_id: 'run-1',
    producer: 'backtest',
    kind: 'slice',
    inputs: plan.inputs,
    provenance: { parameters: { interval: plan.interval, window: plan.window, calls: plan.calls.length } },
    artifacts: [{ artifact_id: 'slice', rows: 8, meta: { interval: '1d', calls: 2 } }],
  });
});

test('a plan without an eligible call still gives a slice with its columns', async () => {
  const nobody = { ...plan, calls: [call('unknown', 'C', 4)] };
  const slice = await materialiseSlice(nobody, await computeCoverage(nobody), { busRoot: join(folder, 'bus') });
  expect(await readParquet(slice.path, { columns: Object.keys(sliceSchema) })).toEqual([]);
});

test('the baseline producer submits its alerts to canon.alerts_std', async () => {
  const baseline = await runBaseline({
    runId: 'run-1',
    candles: plan.candles,
    outputDir: folder,
    busRoot: join(folder, 'bus'),
  });
  expect(await readParquet(baseline.path)).toHaveLength(baseline.alerts.length);
  const [job] = readdirSync(join(folder, 'bus/inbox'));
  const manifest = JSON.parse(readFileSync(join(folder, 'bus/inbox', job as string, 'manifest.json'), 'utf8'));
  expect(manifest.artifacts).toMatchObject([{ artifact_id: 'alerts_std', schema_hint: 'canon.alerts_std' }]);
});

describe('refused', () => {
  test('a coverage of another plan', async () => {
    const coverage = await computeCoverage(plan);
    await expect(materialiseSlice({ ...plan, runId: 'run-2' }, coverage)).rejects.toMatchObject({
      code: 'COVERAGE_MISMATCH',
    });
    await expect(materialiseSlice(plan, { ...coverage, calls: [] })).rejects.toMatchObject({
      code: 'COVERAGE_MISMATCH',
    });
  });

  test('a plan with mistakes, all of them named', async () => {
    const wrong = { ...plan, interval: 'daily', window: { before: -1, after: 1 } };
    await expect(computeCoverage(wrong)).rejects.toMatchObject({
      code: 'PLAN_INVALID',
      details: [expect.stringContaining('interval'), expect.stringContaining('window.before')],
    });
    await expect(computeCoverage({ ...plan, calls: [call('x', 'A', 4), call('x', 'A', 5)] })).rejects.toMatchObject({
      code: 'PLAN_INVALID',
    });
  });

  test.each([
    ['a bar that is there twice', [candle('A', 1), candle('A', 1)]],
    ['a price of zero', [{ ...candle('A', 1), low: 0 }]],
    ['a close above the high', [{ ...candle('A', 1), close: 99 }]],
  ])('%s', async (_, rows) => {
    await writeParquet(plan.candles as string, rows, candleSchema);
    await expect(computeCoverage(plan)).rejects.toMatchObject({ code: 'CANDLES_INVALID' });
  });
});
