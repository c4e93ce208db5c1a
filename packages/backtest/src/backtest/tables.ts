import {
  equitySchema,
  eventSchema,
  fillSchema,
  positionSchema,
  type SimulationResult,
  type Trade,
  tradeSchema,
} from '@quantbot/lab';
import type { Schema } from '@quantbot/storage';

/** The result tables of a backtest, each an artifact of its name. */
export const resultTables = ['summary', 'trades', 'equity', 'fills', 'positions', 'events'] as const;

/** One of {@link resultTables}. */
export type ResultTable = (typeof resultTables)[number];

/** The one row of `summary.parquet`: the backtest as a whole. */
export interface BacktestSummary {
  preset: string;
  /** Initial cash, and the value of cash and positions at the last closes. */
  capital: number;
  final_equity: number;
  /** `final_equity / capital - 1`. */
  total_return: number;
  /**
   * The deepest fall from an earlier high, as a fraction: the lowest `drawdown` of the equity,
   * without its sign.
   */
  max_drawdown: number;
  /** Closed positions. */
  trades: number;
  /** The share of trades with a profit; null without trades. */
  win_rate: number | null;
  /** The profit of all winning trades divided by the loss of all others; null without losses. */
  profit_factor: number | null;
  /** The mean of the trades' returns; null without trades. */
  mean_trade_return: number | null;
  fees: number;
  open_positions: number;
  bars: number;
  /**
   * Alerts that the preset names and that fall on a bar; null for a preset that does not use
   * alerts.
   */
  signals: number | null;
  /** The first and the last moment; null without bars. */
  first_ts: Date | null;
  last_ts: Date | null;
}

/** The columns of `summary.parquet`. */
export const summarySchema = {
  preset: 'VARCHAR',
  capital: 'DOUBLE',
  final_equity: 'DOUBLE',
  total_return: 'DOUBLE',
  max_drawdown: 'DOUBLE',
  trades: 'BIGINT',
  win_rate: 'DOUBLE',
  profit_factor: 'DOUBLE',
  mean_trade_return: 'DOUBLE',
  fees: 'DOUBLE',
  open_positions: 'BIGINT',
  bars: 'BIGINT',
  signals: 'BIGINT',
  first_ts: 'TIMESTAMP',
  last_ts: 'TIMESTAMP',
} as const satisfies Schema;

/** The columns of each result table. */
export const resultSchemas: Readonly<Record<ResultTable, Schema>> = {
  summary: summarySchema,
  trades: tradeSchema,
  equity: equitySchema,
  fills: fillSchema,
  positions: positionSchema,
  events: eventSchema,
};

/** Returns the summary of a backtest. */
export function summaryOf(
  { summary, equity }: SimulationResult,
  trades: readonly Trade[],
  signals: number | null,
): BacktestSummary {
  const gained = sumOf(trades.map(trade => Math.max(trade.pnl, 0)));
  const lost = sumOf(trades.map(trade => Math.max(-trade.pnl, 0)));
  return {
    preset: summary.preset,
    capital: summary.capital,
    final_equity: summary.finalEquity,
    total_return: summary.totalReturn,
    max_drawdown: summary.maxDrawdown,
    trades: trades.length,
    win_rate: trades.length === 0 ? null : summary.winRate,
    profit_factor: lost === 0 ? null : gained / lost,
    mean_trade_return: trades.length === 0 ? null : sumOf(trades.map(trade => trade.return)) / trades.length,
    fees: summary.fees,
    open_positions: summary.openPositions,
    bars: summary.bars,
    signals,
    first_ts: equity[0]?.ts ?? null,
    last_ts: equity.at(-1)?.ts ?? null,
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
