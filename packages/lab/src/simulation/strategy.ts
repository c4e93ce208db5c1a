import { lastValues, mean, squaredDistances } from '../indicators.js';
import type { Preset } from './preset.js';

/** What a strategy wants after a bar has closed. It is carried out at the open of the next bar. */
export type Signal = 'enter' | 'exit' | 'hold';

/** Sees the closes of one token, one after another, and nothing that comes later. */
export type Strategy = (close: number) => Signal;

/** A strategy for one token. */
export function makeStrategy(strategy: Preset['strategy']): Strategy {
  return strategy.type === 'trend' ? trend(strategy) : meanReversion(strategy);
}

/** Enters when the fast moving average has crossed above the slow one, exits when it has crossed below. */
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

/** Enters when the close lies far below its mean, exits when it has come back. Distance in population standard deviations. */
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

/** Mean and population standard deviation of the last `length` values; undefined while there are fewer. */
function rollingWindow(length: number): (value: number) => { mean: number; deviation: number } | undefined {
  const window = lastValues(length);
  return value => {
    const values = window(value);
    if (values === undefined) return undefined;
    return { mean: mean(values), deviation: Math.sqrt(squaredDistances(values) / length) };
  };
}
