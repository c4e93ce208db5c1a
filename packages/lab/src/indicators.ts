/**
 * Indicators over a series. An indicator is created once per series and called for every bar, so it
 * cannot look ahead. A result that is not defined yet is null, never 0. A missing value (null)
 * gives null and restarts every window, because values before a gap say nothing about later ones.
 */
export type Indicator = (value: number | null) => number | null;

/**
 * The last `length` values, oldest first; undefined while there are fewer without a gap. Each call
 * returns the same array, which the next call changes.
 */
export function lastValues(length: number): (value: number | null) => readonly number[] | undefined {
  const values: number[] = [];
  return value => {
    if (value === null) values.length = 0;
    else values.push(value);
    if (values.length > length) values.shift();
    return values.length < length ? undefined : values;
  };
}

/** The arithmetic mean. */
export const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/**
 * The sum of squared distances from the mean. The difference of two sums of squares would lose
 * digits.
 */
export function squaredDistances(values: readonly number[]): number {
  const middle = mean(values);
  return values.reduce((sum, v) => sum + (v - middle) ** 2, 0);
}

/**
 * Simple return: `p[t] / p[t-1] - 1`. Source: Campbell, Lo and MacKinlay, The Econometrics of
 * Financial Markets, 1997, section 1.4.
 */
export const simpleReturn = (): Indicator => fromPrevious((price, before) => price / before - 1);

/** Log return: `ln(p[t] / p[t-1])`, which adds up over time. Source: as {@link simpleReturn}. */
export const logReturn = (): Indicator => fromPrevious((price, before) => Math.log(price / before));

/**
 * Simple moving average: the mean of the last `bars` values. Each window is summed again,
 * because a running sum would accumulate rounding errors.
 */
export function simpleMovingAverage(bars: number): Indicator {
  const window = lastValues(bars);
  return value => {
    const values = window(value);
    return values === undefined ? null : mean(values);
  };
}

/**
 * Exponential moving average: `a * v[t] + (1 - a) * ema[t-1]` with `a = 2 / (bars + 1)`, seeded
 * with the simple average of the first `bars` values. Source: John J. Murphy, Technical Analysis of
 * the Financial Markets, 1999, chapter 9; the seed is that of TA-Lib.
 */
export function exponentialMovingAverage(bars: number): Indicator {
  const weight = 2 / (bars + 1);
  const seed = simpleMovingAverage(bars);
  let average: number | null = null;
  return value => {
    const first = seed(value);
    if (value === null) average = null;
    else average = average === null ? first : weight * value + (1 - weight) * average;
    return average;
  };
}

/**
 * Annualised historical volatility: the sample standard deviation (divisor `bars - 1`) of the last
 * `bars` log returns, times the square root of the bars in a year. It needs one price more than
 * returns. Source: John C. Hull, Options, Futures, and Other Derivatives, "Estimating Volatility
 * from Historical Data".
 */
export function historicalVolatility(bars: number, periodsPerYear: number): Indicator {
  const change = logReturn();
  const window = lastValues(bars);
  return price => {
    const returns = window(change(price));
    return returns === undefined ? null : Math.sqrt((squaredDistances(returns) / (bars - 1)) * periodsPerYear);
  };
}

/**
 * Drawdown from the running peak: `p[t] / max(p[0..t]) - 1`, so 0 at a high and -0.2 when 20 %
 * below it. A gap does not reset the peak. Source: Magdon-Ismail and Atiya, Maximum Drawdown, Risk
 * Magazine, October 2004.
 */
export function drawdownFromPeak(firstPeak = Number.NEGATIVE_INFINITY): Indicator {
  let peak = firstPeak;
  return value => {
    if (value === null) return null;
    peak = Math.max(peak, value);
    return value / peak - 1;
  };
}

function fromPrevious(change: (value: number, before: number) => number): Indicator {
  let before: number | null = null;
  return value => {
    const result = value === null || before === null ? null : change(value, before);
    before = value;
    return result;
  };
}
