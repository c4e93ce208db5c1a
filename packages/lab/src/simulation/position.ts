import type { Preset } from './preset.js';
import type { Bar, ExitReason, PositionSnapshot } from './records.js';

/** An open position. */
export interface Position {
  tokenId: string;
  entryTs: Date;
  entryPrice: number;
  size: number;
  /** Amount and fees of the entry. */
  cost: number;
  stopLossPrice: number | null;
  takeProfitPrice: number | null;
  /** Rises with the highest price since entry, and never falls. */
  trailingStopPrice: number | null;
}

/** Opens a position, with the prices at which it will be closed. */
export function openPosition(
  tokenId: string,
  ts: Date,
  price: number,
  size: number,
  cost: number,
  preset: Preset,
): Position {
  const { stopLoss, takeProfit, trailingStop } = preset;
  return {
    tokenId,
    entryTs: ts,
    entryPrice: price,
    size,
    cost,
    stopLossPrice: stopLoss === undefined ? null : price * (1 - stopLoss),
    takeProfitPrice: takeProfit === undefined ? null : price * (1 + takeProfit),
    trailingStopPrice: trailingStop === undefined ? null : price * (1 - trailingStop),
  };
}

/** The price at which a position is closed within a bar, before slippage, and why. */
export interface Trigger {
  price: number;
  reason: ExitReason;
  /** A stop becomes a market order, which slips; a take profit is a limit order, which does not. */
  slips: boolean;
}

/**
 * Whether a bar closes a position. The order of prices within a bar is unknown, so the worse one is
 * assumed. A stop comes before the take profit if the bar reaches both. A bar that opens beyond a
 * stop fills at its open, not at the stop.
 */
export function triggerIn(position: Position, bar: Bar): Trigger | undefined {
  const stop = highestStop(position);
  if (stop !== undefined && bar.low <= stop.price)
    return { price: Math.min(bar.open, stop.price), reason: stop.reason, slips: true };
  const { takeProfitPrice } = position;
  if (takeProfitPrice !== null && bar.high >= takeProfitPrice)
    return { price: Math.max(bar.open, takeProfitPrice), reason: 'take-profit', slips: false };
  return undefined;
}

/** Falling prices reach the higher of the two stops first. */
function highestStop({
  stopLossPrice,
  trailingStopPrice,
}: Position): { price: number; reason: ExitReason } | undefined {
  if (trailingStopPrice !== null && (stopLossPrice === null || trailingStopPrice > stopLossPrice))
    return { price: trailingStopPrice, reason: 'trailing-stop' };
  return stopLossPrice === null ? undefined : { price: stopLossPrice, reason: 'stop-loss' };
}

/**
 * Raises the trailing stop after a bar that did not close the position. It applies from the next
 * bar on.
 */
export function trail(position: Position, bar: Bar, preset: Preset): void {
  if (preset.trailingStop === undefined || position.trailingStopPrice === null) return;
  position.trailingStopPrice = Math.max(position.trailingStopPrice, bar.high * (1 - preset.trailingStop));
}

/** The position as it stands at a bar's close. */
export const snapshotOf = (position: Position, bar: Bar): PositionSnapshot => ({
  token_id: position.tokenId,
  ts: bar.timestamp,
  entry_ts: position.entryTs,
  entry_price: position.entryPrice,
  current_price: bar.close,
  size: position.size,
  unrealized_pnl: bar.close * position.size - position.cost,
  stop_loss_price: position.stopLossPrice,
  take_profit_price: position.takeProfitPrice,
  trailing_stop_price: position.trailingStopPrice,
});
