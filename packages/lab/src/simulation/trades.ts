import type { Schema } from '@quantbot/storage';
import type { ExitReason, Fill, SimulationEvent, SimulationResult } from './records.js';

/** A position from its entry to its exit. Amounts are in the quote currency. */
export interface Trade {
  token_id: string;
  entry_ts: Date;
  exit_ts: Date;
  /** Both include slippage. */
  entry_price: number;
  exit_price: number;
  size: number;
  /** Of both sides. */
  fees: number;
  /** The profit after fees. */
  pnl: number;
  /** `pnl` divided by the cost of the entry, fees included. */
  return: number;
  /** Why it was closed. */
  reason: ExitReason;
}

/** The columns of `trades.parquet`. */
export const tradeSchema = {
  token_id: 'VARCHAR',
  entry_ts: 'TIMESTAMP',
  exit_ts: 'TIMESTAMP',
  entry_price: 'DOUBLE',
  exit_price: 'DOUBLE',
  size: 'DOUBLE',
  fees: 'DOUBLE',
  pnl: 'DOUBLE',
  return: 'DOUBLE',
  reason: 'VARCHAR',
} as const satisfies Schema;

/**
 * The closed positions of a simulation, in the order of their exits. An open position is not a
 * trade yet.
 */
export function tradesOf({ fills, events }: Pick<SimulationResult, 'fills' | 'events'>): Trade[] {
  // Every fill has an event of its own, in the same order.
  const steps = events.filter(event => event.type !== 'signal');
  const entries = new Map<string, Fill>();
  const trades: Trade[] = [];
  fills.forEach((fill, index) => {
    const entry = entries.get(fill.token_id);
    if (fill.side === 'buy') entries.set(fill.token_id, fill);
    else if (entry !== undefined) trades.push(tradeOf(entry, fill, steps[index]!));
  });
  return trades;
}

const tradeOf = (entry: Fill, exit: Fill, { pnl, reason }: SimulationEvent): Trade => ({
  token_id: exit.token_id,
  entry_ts: entry.ts,
  exit_ts: exit.ts,
  entry_price: entry.price,
  exit_price: exit.price,
  size: exit.size,
  fees: entry.fees + exit.fees,
  pnl,
  return: pnl / (entry.quote_amount + entry.fees),
  reason: reason as ExitReason,
});
