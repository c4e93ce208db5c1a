import { type Candle, groupByToken, readCandles, tokenKey } from './candles.js';
import { type Call, checkPlan, type SlicePlan } from './plan.js';

/** Why a call cannot be part of a slice. */
export type CoverageGap = 'no-candles' | 'no-bar-at-call' | 'too-few-before' | 'too-few-after';

/** Whether the candles that a call needs exist. */
export interface CallCoverage {
  callId: string;
  eligible: boolean;
  /** What is missing; null for an eligible call. */
  gap: CoverageGap | null;
  /** The existing bars of the window. */
  bars: number;
}

/** The calls of a plan, with and without all the candles that they need. */
export interface Coverage {
  runId: string;
  calls: CallCoverage[];
}

/**
 * Finds out which calls of a plan the candle source covers.
 *
 * @throws BacktestError `PLAN_INVALID`, `CANDLES_INVALID`.
 */
export async function computeCoverage(plan: SlicePlan): Promise<Coverage> {
  const checked = checkPlan(plan);
  const byToken = groupByToken(await readCandles(checked.candles));
  return { runId: checked.runId, calls: checked.calls.map(call => coverageOf(checked, call, byToken)) };
}

function coverageOf(plan: SlicePlan, call: Call, byToken: ReadonlyMap<string, Candle[]>): CallCoverage {
  const candles = byToken.get(tokenKey({ chain: call.chain, token_address: call.tokenAddress }));
  if (candles === undefined) return { callId: call.callId, eligible: false, gap: 'no-candles', bars: 0 };
  const at = barIndexAt(candles, call.calledAt);
  if (at === undefined) return { callId: call.callId, eligible: false, gap: 'no-bar-at-call', bars: 0 };
  const before = Math.min(at, plan.window.before);
  const after = Math.min(candles.length - 1 - at, plan.window.after);
  const gap = before < plan.window.before ? 'too-few-before' : after < plan.window.after ? 'too-few-after' : null;
  return { callId: call.callId, eligible: gap === null, gap, bars: before + 1 + after };
}

/**
 * Returns the index of the bar that begins at a moment; undefined if there is none. The candles
 * must be sorted by time.
 */
export function barIndexAt(candles: readonly Candle[], at: Date): number | undefined {
  let low = 0;
  let high = candles.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const difference = (candles[middle] as Candle).timestamp.getTime() - at.getTime();
    if (difference === 0) return middle;
    if (difference < 0) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}
