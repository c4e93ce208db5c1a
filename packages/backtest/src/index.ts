export {
  type Alert,
  type AlertRule,
  type AlertSettings,
  alertSchema,
  computeAlerts,
  defaultAlertSettings,
} from './alerts.js';
export type { BacktestOptions } from './backtest/options.js';
export { type Backtest, runBacktest } from './backtest/run-backtest.js';
export {
  type BacktestSummary,
  type ResultTable,
  resultSchemas,
  resultTables,
  summarySchema,
} from './backtest/tables.js';
export { type Baseline, type BaselineOptions, runBaseline } from './baseline.js';
export { type Candle, candleSchema, readCandles } from './candles.js';
export { type CallCoverage, type Coverage, type CoverageGap, computeCoverage } from './coverage.js';
export { type BacktestCode, BacktestError, backtestCodes } from './errors.js';
export { drawdown, highestBefore, rsi, sma } from './indicators.js';
export { type CatalogCalls, type CatalogInput, callsFromCatalog, inputFromCatalog } from './inputs.js';
export type { Call, SlicePlan } from './plan.js';
export { materialiseSlice, type Slice, type SliceOptions, sliceSchema } from './slice.js';
