import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initBusRoot } from '@quantbot/infra';
import { readParquet, writeParquet } from '@quantbot/storage';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { alertSchema } from '../alerts.js';
import { sliceSchema } from '../slice.js';
import type { BacktestOptions } from './options.js';
import { runBacktest } from './run-backtest.js';
import { resultSchemas, resultTables } from './tables.js';

let folder: string;
let options: BacktestOptions;

const day = (n: number) => new Date(Date.UTC(2020, 0, n));
const closes = [10, 10, 10, 20, 20, 15, 15];
/** The windows of two calls, which overlap. A bar in both counts once. */
const slice = ['one', 'two'].flatMap((call_id, call) =>
  closes.slice(call).map((close, i) => {
    const n = i + call + 1;
    const open = closes[n - 2] ?? close;
    const range = { high: Math.max(open, close), low: Math.min(open, close) };
    return { call_id, token_address: 'A', chain: 'c', timestamp: day(n), open, ...range, close, volume: 1 };
  }),
);
const alert = (n: number, rule: string, token_address = 'A') => ({
  alert_id: `${token_address}-${n}-${rule}`,
  token_address,
  chain: 'c',
  ts: day(n),
  rule,
  price: 1,
  value: 1,
  threshold: 1,
});
const alerts = [
  alert(1, 'breakout'),
  alert(3, 'drawdown'),
  alert(4, 'breakout'),
  alert(4, 'rsi-overbought'),
  alert(5, 'breakout', 'B'),
];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quantbot-backtest-'));
  await initBusRoot(join(folder, 'bus'));
  options = {
    runId: 'run-1',
    slice: join(folder, 'slice.parquet'),
    alerts: join(folder, 'alerts_std.parquet'),
    preset: {
      name: 'breakouts',
      strategy: { type: 'signals', enterOn: ['breakout'], exitOn: ['drawdown'], exitAfterBars: 2 },
      capital: 1000,
      sizing: { type: 'fraction', fraction: 1 },
    },
    outputDir: join(folder, 'out'),
    inputs: ['run-1/backtest/slice/slice', 'run-1/baseline/alerts_std/alerts_std'],
    busRoot: join(folder, 'bus'),
  };
  await writeParquet(options.slice as string, slice, sliceSchema);
  await writeParquet(options.alerts as string, alerts, alertSchema);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const jobs = () => readdirSync(join(folder, 'bus/inbox'));

// By hand: the breakout at the close of day 1 buys 100 at 10 on day 2. The drawdown of day 3 sells
// them at 10 on day 4, for a profit of 0. The breakout of day 4 buys 50 at 20 on day 5. The
// position ends after two bars, at the close of day 6, and sells at 15 on day 7. The loss is 250 of
// 1000.
test('trades, equity and summary are those that a hand computes', async () => {
  const { summary, paths } = await runBacktest(options);
  expect(summary).toEqual({
    preset: 'breakouts',
    capital: 1000,
    final_equity: 750,
    total_return: -0.25,
    max_drawdown: 0.25,
    trades: 2,
    win_rate: 0,
    profit_factor: 0,
    mean_trade_return: -0.125,
    fees: 0,
    open_positions: 0,
    bars: 7,
    signals: 3,
    first_ts: day(1),
    last_ts: day(7),
  });
  expect(await readParquet(paths.summary)).toEqual([summary]);
  const trades = await readParquet(paths.trades);
  expect(trades.map(t => [t.entry_ts, t.exit_ts, t.entry_price, t.exit_price, t.size, t.pnl, t.return])).toEqual([
    [day(2), day(4), 10, 10, 100, 0, 0],
    [day(5), day(7), 20, 15, 50, -250, -0.25],
  ]);
  const equity = await readParquet(paths.equity);
  expect(equity.map(point => [point.equity, point.drawdown])).toEqual([
    ...Array(5).fill([1000, 0]),
    [750, -0.25],
    [750, -0.25],
  ]);
});

test('all result tables go to the bus as one job, with their lineage', async () => {
  const { result, trades } = await runBacktest({ ...options, schemaHints: { trades: 'canon.trades' } });
  expect(jobs()).toHaveLength(1);
  const manifest = JSON.parse(readFileSync(join(folder, 'bus/inbox', jobs()[0]!, 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({
    run_id: 'run-1',
    producer: 'backtest',
    inputs: options.inputs,
    provenance: { parameters: { preset: { ...options.preset, feeBps: 0 } } },
    meta: { presetName: 'breakouts', summary: { final_equity: 750 } },
  });
  const meta = { presetName: 'breakouts' };
  const artifact = (kind: string, rows: number, schema_hint = `backtest.${kind}`) =>
    expect.objectContaining({ kind, artifact_id: kind, rows, schema_hint, meta });
  expect(manifest.artifacts).toEqual([
    artifact('summary', 1),
    artifact('trades', trades.length, 'canon.trades'),
    artifact('equity', 7),
    artifact('fills', 4),
    artifact('positions', result.positions.length),
    artifact('events', result.events.length),
  ]);
});

test('the same slice, alerts and preset make the same bytes, in whatever order they lie', async () => {
  const first = await runBacktest(options);
  const bytesOf = (paths: Record<string, string>) => Object.values(paths).map(path => readFileSync(path));
  const before = bytesOf(first.paths);
  await writeParquet(options.slice as string, [...slice].reverse(), sliceSchema);
  await writeParquet(options.alerts as string, [...alerts].reverse(), alertSchema);
  const second = await runBacktest({ ...options, outputDir: join(folder, 'again') });
  expect(bytesOf(second.paths)).toEqual(before);
  expect(second.paths).not.toEqual(first.paths);
});

test('a strategy of its own needs no alerts', async () => {
  const { alerts: _, ...rest } = options;
  const strategy = { type: 'trend' as const, fastBars: 1, slowBars: 2 };
  const { summary } = await runBacktest({ ...rest, preset: { ...options.preset, strategy } });
  // The close of 20 crosses above on day 4, which buys at 20 on day 5. At the close of day 5 it is
  // no longer above, which sells at 20 on day 6.
  expect(summary).toMatchObject({ trades: 1, total_return: 0, last_ts: day(7), signals: null });
});

test('without trades what cannot be told is null, and each table has its columns', async () => {
  await writeParquet(options.slice as string, [], sliceSchema);
  const { summary, paths } = await runBacktest(options);
  const nothing = { win_rate: null, profit_factor: null, mean_trade_return: null, first_ts: null, last_ts: null };
  expect(summary).toMatchObject({ ...nothing, trades: 0, bars: 0, signals: 0, final_equity: 1000 });
  for (const table of resultTables)
    expect(await readParquet(paths[table], { columns: Object.keys(resultSchemas[table]) })).toHaveLength(
      table === 'summary' ? 1 : 0,
    );
});

describe('refused, before anything is read', () => {
  const nowhere = { slice: 'nowhere.parquet', alerts: 'nowhere.parquet' };
  const trend = { type: 'trend' as const, fastBars: 5, slowBars: 20 };
  test.each<[string, (good: BacktestOptions) => object]>([
    ['runId', () => ({ runId: '../run' })],
    ['slice', () => ({ slice: [] })],
    ['preset.capital', good => ({ preset: { ...good.preset, capital: -1 } })],
    [
      'preset.strategy.fastBars',
      good => ({ alerts: undefined, preset: { ...good.preset, strategy: { ...trend, fastBars: 50 } } }),
    ],
    ['alerts', () => ({ alerts: undefined })],
    ['alerts', good => ({ preset: { ...good.preset, strategy: trend } })],
    ['inputs.0', () => ({ inputs: ['slice'] })],
    ['schemaHints', () => ({ schemaHints: { profits: 'canon.profits' } })],
    ['options', () => ({ strategy: trend })],
  ])('options that are wrong at %s', async (field, wrong) => {
    await expect(runBacktest({ ...options, ...nowhere, ...wrong(options) } as BacktestOptions)).rejects.toMatchObject({
      code: 'BACKTEST_INVALID',
      hint: expect.stringContaining('Correct'),
      details: [expect.stringMatching(new RegExp(`^${field.replaceAll('.', '\\.')}: `))],
    });
  });
});

test('alerts that are not what they should be are refused, and nothing is submitted', async () => {
  await writeParquet(options.alerts as string, [{ ...alert(1, 'breakout'), rule: null }], alertSchema);
  await expect(runBacktest(options)).rejects.toMatchObject({ code: 'ROW_INVALID' });
  await writeParquet(
    options.alerts as string,
    [alert(1, 'breakout'), { ...alert(2, 'breakout'), chain: 'd' }],
    alertSchema,
  );
  await expect(runBacktest(options)).rejects.toMatchObject({
    code: 'BACKTEST_INVALID',
    details: ['alerts: A is on c and d'],
  });
  await writeParquet(options.alerts as string, [{ price: 1 }], { price: 'DOUBLE' });
  await expect(runBacktest(options)).rejects.toMatchObject({ code: 'COLUMN_NOT_FOUND' });
  expect(jobs()).toEqual([]);
});
