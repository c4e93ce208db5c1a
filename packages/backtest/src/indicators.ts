import { drawdownFromPeak, simpleMovingAverage } from '@quantbot/lab';

/**
 * Indicators over a series of closes. Each returns an array of the same length; a value with too
 * few earlier bars is null. Value `i` depends on closes `0..i` only.
 */

/** Simple moving average: the mean of the last `period` closes. */
export function sma(closes: readonly number[], period: number): (number | null)[] {
  const average = simpleMovingAverage(period);
  return closes.map(close => average(close));
}

/**
 * Relative strength index with Wilder's smoothing: 100 - 100 / (1 + average gain / average loss),
 * the averages seeded with the plain mean of the first `period` changes. Source: J. Welles Wilder,
 * New Concepts in Technical Trading Systems, 1978.
 */
export function rsi(closes: readonly number[], period: number): (number | null)[] {
  let gain = 0;
  let loss = 0;
  return closes.map((close, i) => {
    if (i === 0) return null;
    const change = close - (closes[i - 1] as number);
    const [up, down] = [Math.max(change, 0), Math.max(-change, 0)];
    if (i <= period) {
      gain += up / period;
      loss += down / period;
      if (i < period) return null;
    } else {
      gain = (gain * (period - 1) + up) / period;
      loss = (loss * (period - 1) + down) / period;
    }
    return loss === 0 ? (gain === 0 ? 50 : 100) : 100 - 100 / (1 + gain / loss);
  });
}

/** Drawdown from the highest close so far, as a fraction: 0 at a high, 0.2 when 20 % below it. */
export function drawdown(closes: readonly number[]): number[] {
  const fall = drawdownFromPeak();
  return closes.map(close => 0 - (fall(close) ?? 0));
}

/** The highest value of the `period` bars before bar `i`, without bar `i` itself. */
export function highestBefore(values: readonly number[], period: number): (number | null)[] {
  return values.map((_, i) => (i < period ? null : Math.max(...values.slice(i - period, i))));
}
