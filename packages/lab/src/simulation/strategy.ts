import { lastValues, mean, squaredDistances } from '../indicators.js';
import type { Preset } from './preset.js';

/** The order of a strategy after a bar has closed. It fills at the open of the next bar. */
export type Signal = 'enter' | 'exit' | 'hold';

/**
 * Sees the closes of one token with their bars' times, one after another, and nothing later.
 */
export type Strategy = (close: number, ts: Date) => Signal;

/**
 * A signal for a token from outside the simulation (an alert, a model, a person), at the close of
 * the bar that begins at `ts`.
 */
export interface TokenSignal {
  token_id: string;
  ts: Date;
  /** The name that presets of the type `signals` use, such as an alert's rule. */
  name: string;
}

/** Creates the strategy for one token. Only the type `signals` uses the token's signals. */
export function makeStrategy(strategy: Preset['strategy'], signals: readonly TokenSignal[] = []): Strategy {
  if (strategy.type === 'signals') return followSignals(strategy, signals);
  return strategy.type === 'trend' ? trend(strategy) : meanReversion(strategy);
}

/**
 * Enters and exits on signals. A signal is ignored if no bar of the token begins at its time.
 */
function followSignals(
  { enterOn, exitOn, exitAfterBars }: Extract<Preset['strategy'], { type: 'signals' }>,
  signals: readonly TokenSignal[],
): Strategy {
  const timesOf = (names: readonly string[]) =>
    new Set(signals.filter(signal => names.includes(signal.name)).map(signal => signal.ts.getTime()));
  const [enterAt, exitAt] = [timesOf(enterOn), timesOf(exitOn)];
  let barsSinceEnter: number | undefined;
  return (_close, ts) => {
    if (barsSinceEnter !== undefined) barsSinceEnter++;
    if (exitAt.has(ts.getTime())) return 'exit';
    if (enterAt.has(ts.getTime())) {
      barsSinceEnter = 0;
      return 'enter';
    }
    return barsSinceEnter !== undefined && barsSinceEnter === exitAfterBars ? 'exit' : 'hold';
  };
}

/**
 * Enters when the fast moving average has crossed above the slow one, exits when it has crossed
 * below.
 */
function trend({ fastBars, slowBars }: Extract<Preset['strategy'], { type: 'trend' }>): Strategy {
  const fast = rollingWindow(fastBars);
  const slow = rollingWindow(slowBars);
  let wasAbove: boolean | undefined;
  return close => {
    const [fastMean, slowMean] = [fast(close)?.mean, slow(close)?.mean];
    if (fastMean === undefined || slowMean === undefined) return 'hold';
    const isAbove = fastMean > slowMean;
    const crossed = wasAbove !== undefined && isAbove !== wasAbove;
    wasAbove = isAbove;
    if (!crossed) return 'hold';
    return isAbove ? 'enter' : 'exit';
  };
}

/**
 * Enters when the close is far below its mean, and exits when it has come back. Distances are in
 * population standard deviations.
 */
function meanReversion({ bars, entryZ, exitZ }: Extract<Preset['strategy'], { type: 'mean-reversion' }>): Strategy {
  const window = rollingWindow(bars);
  return close => {
    const stats = window(close);
    if (stats === undefined || stats.deviation === 0) return 'hold';
    const z = (close - stats.mean) / stats.deviation;
    if (z <= entryZ) return 'enter';
    return z >= exitZ ? 'exit' : 'hold';
  };
}

/**
 * Mean and population standard deviation of the last `length` values; undefined while there are
 * fewer.
 */
function rollingWindow(length: number): (value: number) => { mean: number; deviation: number } | undefined {
  const window = lastValues(length);
  return value => {
    const values = window(value);
    if (values === undefined) return undefined;
    return { mean: mean(values), deviation: Math.sqrt(squaredDistances(values) / length) };
  };
}
