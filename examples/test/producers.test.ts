import { join } from 'node:path';
import { candleSchema, computeCoverage, materialiseSlice, runBacktest, runBaseline } from '@quantbot/backtest';
import { FeatureSetCompiler } from '@quantbot/lab';
import { openCatalog, writeParquet } from '@quantbot/storage';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ExampleBus, makeBus } from './bus.js';

let bus: ExampleBus;
beforeAll(async () => {
  bus = makeBus();
  await bus.start();
});
afterAll(() => bus.close());

const runId = 'run-1';
/** A wave of 900 days that rises. */
const candles = Array.from({ length: 900 }, (_, day) => {
  const price = (n: number) => 100 + 20 * Math.sin(n / 40) + n / 10;
  const [open, close] = [price(day - 1), price(day)];
  const range = { high: Math.max(open, close) + 1, low: Math.min(open, close) - 1 };
  return {
    token_address: 'T',
    chain: 'c',
    timestamp: new Date(Date.UTC(2020, 0, 1 + day)),
    open,
    ...range,
    close,
    volume: 1,
  };
});

/**
 * Runs all four producers of the packages, one after the other, like a research run. Each takes its
 * input from the bus.
 */
async function research() {
  const outputDir = join(bus.folder, 'work');
  const to = { outputDir, busRoot: join(bus.folder, 'bus'), requireBus: true, runId };
  const path = join(outputDir, 'candles.parquet');
  await writeParquet(path, candles, candleSchema);
  const baseline = await runBaseline({ ...to, candles: path });
  const calls = baseline.alerts.map(alert => ({
    callId: alert.alert_id,
    tokenAddress: alert.token_address,
    chain: alert.chain,
    calledAt: alert.ts,
  }));
  const alertsKey = `${runId}/baseline/alerts_std/alerts_std`;
  const sliceKey = `${runId}/backtest/slice/slice`;
  const window = { before: 100, after: 50 };
  const plan = { runId, interval: '1d', calls, window, candles: path, outputDir, inputs: [alertsKey] };
  const slice = await materialiseSlice(plan, await computeCoverage(plan), { busRoot: to.busRoot, requireBus: true });
  const compiler = new FeatureSetCompiler({ busRoot: to.busRoot, requireBus: true, schemaHint: 'canon.features' });
  const features = await compiler.compile({ runId, source: slice.path, outputDir, inputs: [sliceKey] });
  const backtest = await runBacktest({
    ...to,
    slice: slice.path,
    alerts: baseline.path,
    preset: {
      name: 'alerts',
      strategy: { type: 'signals', enterOn: ['breakout', 'sma-cross-up'], exitOn: ['drawdown'], exitAfterBars: 40 },
      capital: 1000,
      sizing: { type: 'fraction', fraction: 0.9 },
    },
    inputs: [sliceKey, alertsKey],
    schemaHints: { trades: 'canon.trades' },
  });
  const receipts = [baseline, slice, features, backtest].map(
    async ({ submission }) => (await submission!.settled()).status,
  );
  return { statuses: await Promise.all(receipts), slice, features, backtest };
}

test('four producers, one run: their lineage leads back, a backtest comes whole, and a run that is repeated changes nothing', async () => {
  const first = await research();
  expect(first.statuses).toEqual(Array(4).fill('ingested'));
  expect(first.backtest.trades.length).toBeGreaterThan(1);
  await using catalog = await openCatalog({ duckdbPath: join(bus.folder, 'alerts.duckdb') });

  const tables = await catalog.artifacts({ runId, producer: 'backtest' });
  const ofJob = tables.filter(({ jobId }) => jobId === first.backtest.submission?.jobId);
  expect(ofJob.map(({ kind }) => kind).sort()).toEqual(['equity', 'events', 'fills', 'positions', 'summary', 'trades']);
  expect(new Set(ofJob.map(({ seq }) => seq)).size).toBe(1);

  const { inputs } = await catalog.lineage(`${runId}/backtest/trades/trades`, { direction: 'inputs', depth: Infinity });
  expect([...inputs].sort()).toEqual([`${runId}/backtest/slice/slice`, `${runId}/baseline/alerts_std/alerts_std`]);

  const [counted] = await catalog.query(
    'SELECT (SELECT count(*) FROM canon.features) AS features, (SELECT count(*) FROM canon.trades) AS trades',
  );
  expect(counted).toEqual({ features: first.slice.rows, trades: first.backtest.trades.length });

  const again = await research();
  expect(again.statuses).toEqual(Array(4).fill('duplicate'));
  expect(await catalog.artifacts({ runId })).toHaveLength(9);
});
