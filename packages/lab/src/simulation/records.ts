import type { Schema } from '@quantbot/storage';

/** One bar of a token. */
export interface Bar {
  /** When the bar begins, UTC. */
  timestamp: Date;
  open: number;
  high: number;
  low: number;
  close: number;
}

/** An order that was filled. Amounts are in the quote currency. */
export interface Fill {
  token_id: string;
  /** The bar in which it was filled. */
  ts: Date;
  side: 'buy' | 'sell';
  /** Slippage included. */
  price: number;
  size: number;
  /** `price * size`: paid for a buy, received for a sell, before fees. */
  quote_amount: number;
  fees: number;
}

/** An open position as it stands at the close of a bar. */
export interface PositionSnapshot {
  token_id: string;
  ts: Date;
  entry_ts: Date;
  entry_price: number;
  /** The bar's close. */
  current_price: number;
  size: number;
  /**
   * The gain if sold at the close, after entry fees and before exit costs.
   */
  unrealized_pnl: number;
  stop_loss_price: number | null;
  take_profit_price: number | null;
  trailing_stop_price: number | null;
}

/** An event of the simulation. */
export interface SimulationEvent {
  type: 'signal' | 'entry' | 'exit';
  token_id: string;
  ts: Date;
  price: number;
  size: number;
  /** The profit of a position at its exit, after fees of both sides. 0 for other events. */
  pnl: number;
  /** The sum of `pnl` up to here. */
  pnl_so_far: number;
  /** Why: `strategy`, `stop-loss`, `take-profit`, `trailing-stop`, `no-cash`. */
  reason: ExitReason | 'strategy' | 'no-cash';
}

/** Why a position was closed. */
export type ExitReason = 'strategy' | 'stop-loss' | 'take-profit' | 'trailing-stop';

/** The value of cash and positions once all bars of a moment have closed. */
export interface EquityPoint {
  ts: Date;
  cash: number;
  /** The open positions at their last closes. */
  positions_value: number;
  /** The sum of the two. */
  equity: number;
  /** From the highest equity so far, the capital included: 0 at a high, -0.2 when 20 % below it. */
  drawdown: number;
}

/** The result of a simulation as a whole. */
export interface SimulationSummary {
  preset: string;
  capital: number;
  /** Cash and the value of open positions at the last closes. */
  finalEquity: number;
  /** `finalEquity / capital - 1`. */
  totalReturn: number;
  /**
   * The deepest fall of equity (at closes) from an earlier high, as a fraction: 0.2 where the
   * lowest `drawdown` of the equity is -0.2.
   */
  maxDrawdown: number;
  /** Positions that were closed. */
  trades: number;
  /** The share of trades with a profit; 0 without trades. */
  winRate: number;
  fees: number;
  openPositions: number;
  bars: number;
}

/** The complete result of a simulation. */
export interface SimulationResult {
  fills: Fill[];
  positions: PositionSnapshot[];
  events: SimulationEvent[];
  /** One for each moment at which bars have closed. */
  equity: EquityPoint[];
  summary: SimulationSummary;
}

/** The columns of `fills.parquet`. */
export const fillSchema = {
  token_id: 'VARCHAR',
  ts: 'TIMESTAMP',
  side: 'VARCHAR',
  price: 'DOUBLE',
  size: 'DOUBLE',
  quote_amount: 'DOUBLE',
  fees: 'DOUBLE',
} as const satisfies Schema;

/** The columns of `positions.parquet`. */
export const positionSchema = {
  token_id: 'VARCHAR',
  ts: 'TIMESTAMP',
  entry_ts: 'TIMESTAMP',
  entry_price: 'DOUBLE',
  current_price: 'DOUBLE',
  size: 'DOUBLE',
  unrealized_pnl: 'DOUBLE',
  stop_loss_price: 'DOUBLE',
  take_profit_price: 'DOUBLE',
  trailing_stop_price: 'DOUBLE',
} as const satisfies Schema;

/** The columns of `events.parquet`. */
export const eventSchema = {
  type: 'VARCHAR',
  token_id: 'VARCHAR',
  ts: 'TIMESTAMP',
  price: 'DOUBLE',
  size: 'DOUBLE',
  pnl: 'DOUBLE',
  pnl_so_far: 'DOUBLE',
  reason: 'VARCHAR',
} as const satisfies Schema;

/** The columns of `equity.parquet`. */
export const equitySchema = {
  ts: 'TIMESTAMP',
  cash: 'DOUBLE',
  positions_value: 'DOUBLE',
  equity: 'DOUBLE',
  drawdown: 'DOUBLE',
} as const satisfies Schema;
