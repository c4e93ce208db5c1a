import type { Submission } from '@quantbot/infra/utils';
import { readBars, type SimulationResult, simulate, type Trade, tradesOf } from '@quantbot/lab';
import { publishTables } from '@quantbot/storage';
import { backtestProvenance } from '../provenance.js';
import { type BacktestOptions, type CheckedBacktest, checkBacktest } from './options.js';
import { heardSignals, readSignals } from './signals.js';
import { type BacktestSummary, type ResultTable, resultSchemas, resultTables, summaryOf } from './tables.js';

/** The results of a backtest. */
export interface Backtest {
  summary: BacktestSummary;
  trades: Trade[];
  /** Fills, positions, events and the equity at each moment. */
  result: SimulationResult;
  /** Absolute: the local file of each table. */
  paths: Record<ResultTable, string>;
  /** Undefined if the bus could not take the tables. The local files exist either way. */
  submission: Submission | undefined;
}

/**
 * Runs a strategy over a slice, and submits all result tables as one job: `summary`, `trades`,
 * `equity`, `fills`, `positions` and `events`, each as `run_id/backtest/<table>/<table>`. They
 * become visible together: no reader ever sees trades without their equity.
 *
 * The simulation is that of `@quantbot/lab`: nothing looks ahead, and an alert at a bar's close is
 * executed at the open of the next bar. The same slice, alerts and preset give the same bytes.
 *
 * @throws BacktestError `BACKTEST_INVALID`; LabError `BARS_INVALID`; StorageError as `readParquet`
 * throws it; BusError if the bus refuses the tables, or (with `requireBus`) is not available.
 *
 * @example
 * const { summary, submission } = await runBacktest({
 *   runId: 'run-1',
 *   slice: 'out/run-1/slice.parquet',
 *   alerts: 'out/run-1/alerts_std.parquet',
 *   preset: {
 *     name: 'breakouts',
 *     strategy: { type: 'signals', enterOn: ['breakout'], exitOn: [], exitAfterBars: 20 },
 *     capital: 100_000,
 *     sizing: { type: 'fraction', fraction: 0.5 },
 *   },
 *   outputDir: 'out/run-1',
 *   inputs: ['run-1/backtest/slice/slice', 'run-1/baseline/alerts_std/alerts_std'],
 * });
 * await submission?.settled();
 */
export async function runBacktest(options: BacktestOptions): Promise<Backtest> {
  const checked = checkBacktest(options);
  const { preset } = checked;
  const bars = await readBars(checked.slice);
  const signals = checked.alerts === undefined ? undefined : await readSignals(checked.alerts);
  const result = simulate(preset, bars, signals);
  const trades = tradesOf(result);
  const summary = summaryOf(result, trades, heardSignals(preset, signals ?? [], bars));
  const { fills, positions, events, equity } = result;
  const published = await publish(checked, { summary: [summary], trades, equity, fills, positions, events });
  return { summary, trades, result, ...published };
}

async function publish(
  { runId, outputDir, preset, inputs, provenance, meta, schemaHints, ...bus }: CheckedBacktest,
  rows: Record<ResultTable, readonly object[]>,
): Promise<Pick<Backtest, 'paths' | 'submission'>> {
  const { slice: _slice, alerts: _alerts, ...policy } = bus;
  const { files, submission } = await publishTables({
    runId,
    producer: 'backtest',
    kind: 'backtest',
    outputDir,
    tables: resultTables.map(table => ({
      kind: table,
      artifactId: table,
      rows: rows[table],
      schema: resultSchemas[table],
      schemaHint: schemaHints?.[table] ?? `backtest.${table}`,
      meta: { ...meta, presetName: preset.name },
    })),
    inputs,
    provenance: provenance ?? (await backtestProvenance({ preset })),
    meta: { presetName: preset.name, summary: rows.summary[0] },
    ...policy,
  });
  const paths = Object.fromEntries(resultTables.map((table, index) => [table, files[index]!.path]));
  return { paths: paths as Record<ResultTable, string>, submission };
}
