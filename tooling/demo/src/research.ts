import { type Backtest, inputFromCatalog, runBacktest } from '@quantbot/backtest';
import { FeatureSetCompiler } from '@quantbot/lab';
import type { Catalog, DuckDb, Row } from '@quantbot/storage';

/** The bus, and the folder for the producers' own files. */
interface Place {
  runId: string;
  work: string;
  busRoot: string;
}

/** Compiles the features of the newest slice. Returns their number of rows, one per candle. */
export async function compileFeatures(catalog: Catalog, { runId, work, busRoot }: Place): Promise<number> {
  const slice = await inputFromCatalog(catalog, { producer: 'backtest', kind: 'slice' });
  const compiler = new FeatureSetCompiler({ busRoot, requireBus: true, schemaHint: 'canon.features' });
  const features = await compiler.compile({ runId, source: slice.path, outputDir: work, inputs: [slice.key] });
  await features.submission?.settled();
  return features.rows;
}

/**
 * Backtests the baseline's alerts: enters on strength, exits on weakness or after a quarter of a
 * year.
 */
export async function backtestAlerts(catalog: Catalog, { runId, work, busRoot }: Place): Promise<Backtest> {
  const slice = await inputFromCatalog(catalog, { producer: 'backtest', kind: 'slice' });
  const alerts = await inputFromCatalog(catalog, { producer: 'baseline', kind: 'alerts_std' });
  const backtest = await runBacktest({
    runId,
    slice: slice.path,
    alerts: alerts.path,
    preset: {
      name: 'alerts',
      strategy: {
        type: 'signals',
        enterOn: ['breakout', 'sma-cross-up', 'rsi-oversold'],
        exitOn: ['sma-cross-down', 'drawdown'],
        exitAfterBars: 63,
      },
      capital: 100_000,
      sizing: { type: 'fraction', fraction: 0.95 },
      feeBps: 5,
      slippageBps: 2,
      stopLoss: 0.1,
    },
    outputDir: `${work}/alerts`,
    inputs: [slice.key, alerts.key],
    schemaHints: { summary: 'canon.backtests', trades: 'canon.trades' },
    busRoot,
    requireBus: true,
  });
  await backtest.submission?.settled();
  return backtest;
}

/**
 * Returns the features by year. A day is in the windows of many calls. Only windows that begin long
 * enough before the day count.
 */
export const featuresByYear = (db: DuckDb): Promise<Row[]> =>
  db.query(`
    SELECT year(timestamp)::INTEGER AS year, count(*) AS days, avg(volatility) AS volatility, max(volatility) AS highest,
      min(drawdown) AS drawdown, avg((close > average)::INTEGER) AS above
    FROM (
      SELECT timestamp, any_value(close) AS close, max(volatility_20) AS volatility, min(drawdown) AS drawdown, max(sma_200) AS average
      FROM canon.features GROUP BY timestamp
    ) GROUP BY ALL ORDER BY year`);

/** Returns the profit of the backtest's trades, by the reason of their end. */
export const tradesByReason = (db: DuckDb): Promise<Row[]> =>
  db.query(`
    SELECT reason, count(*) AS trades, avg((pnl > 0)::INTEGER) AS won, avg(return) AS mean_return, sum(fees) AS fees, sum(pnl) AS pnl
    FROM canon.trades GROUP BY reason ORDER BY pnl DESC`);
