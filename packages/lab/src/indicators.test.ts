import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  drawdownFromPeak,
  exponentialMovingAverage,
  historicalVolatility,
  type Indicator,
  logReturn,
  simpleMovingAverage,
  simpleReturn,
} from './indicators.js';

type Series = readonly (number | null)[];

const run = (indicator: Indicator, series: Series) => series.map(value => indicator(value));
const close = (values: Series) => values.map(value => (value === null ? null : expect.closeTo(value, 12)));

const prices = [100, 102, 101, 105, 103, 108];

// The numbers of the next five tests come from Python's math, statistics and fractions modules, as
// noted at each.

test('a simple return is the price over the one before, less one', () => {
  // [p[i] / p[i-1] - 1 for i in 1..5]
  expect(run(simpleReturn(), prices)).toEqual(
    close([
      null,
      0.020000000000000018,
      -0.009803921568627416,
      0.03960396039603964,
      -0.01904761904761909,
      0.04854368932038833,
    ]),
  );
});

test('volatility is the sample standard deviation of the last log returns, annualised by the square root of time', () => {
  // l = [math.log(p[i] / p[i-1])]; [statistics.stdev(l[i-2:i+1]) * math.sqrt(252) for i in 2..4]
  expect(run(historicalVolatility(3, 252), prices)).toEqual(
    close([null, null, null, 0.3895325853531968, 0.49488228059996253, 0.575496169515924]),
  );
});

test('a simple moving average is the mean of its window', () => {
  // [statistics.fmean(p[i-2:i+1]) for i in 2..5]
  expect(run(simpleMovingAverage(3), prices)).toEqual(
    close([null, null, 101, 102.66666666666667, 103, 105.33333333333333]),
  );
});

test('an exponential moving average begins with the simple one, and then weighs the newest with 2 / (bars + 1)', () => {
  // e = Fraction(303, 3); then e = (x + e) / 2 with x = 105, 103, 108
  expect(run(exponentialMovingAverage(3), prices)).toEqual(close([null, null, 101, 103, 103, 105.5]));
});

test('drawdown is measured from the highest price so far', () => {
  // [x / max(p[:i+1]) - 1 for i, x in enumerate(p)]
  expect(run(drawdownFromPeak(), prices)).toEqual(close([0, 0, -0.009803921568627416, 0, -0.01904761904761909, 0]));
});

test('a missing value gives null, never 0, and what needs a window waits until it is full again', () => {
  const gap = [1, 2, 4, null, 2, 4, 8];
  expect(run(simpleReturn(), gap)).toEqual([null, 1, 1, null, null, 1, 1]);
  expect(run(simpleMovingAverage(2), gap)).toEqual([null, 1.5, 3, null, null, 3, 6]);
  expect(run(exponentialMovingAverage(2), gap)).toEqual(close([null, 1.5, 1.5 / 3 + 8 / 3, null, null, 3, 19 / 3]));
  // Both windows hold equal returns, so there is no deviation: 0 is what was measured here.
  expect(run(historicalVolatility(2, 1), gap)).toEqual([null, null, 0, null, null, null, 0]);
  expect(run(drawdownFromPeak(), gap)).toEqual([0, 0, 0, null, -0.5, 0, 0]);
});

const series = fc.array(fc.double({ min: 0.01, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 60 });
const withGaps = fc.array(fc.option(fc.double({ min: 0.01, max: 1e6, noNaN: true }), { freq: 8 }), { maxLength: 60 });
const bars = fc.integer({ min: 2, max: 12 });
/** Rounding: a few units in the last place of numbers of this size. */
const tolerance = (size: number) => Math.abs(size) * 1e-12;

test('returns compound to the ratio of the prices, and log returns add up to its logarithm', () => {
  fc.assert(
    fc.property(series, values => {
      const ratio = values.at(-1)! / values[0]!;
      const compounded = run(simpleReturn(), values).reduce<number>((product, r) => product * (1 + (r ?? 0)), 1);
      // 1 + (ratio - 1) loses digits where a price falls to a small part of itself.
      expect(Math.abs(compounded - ratio)).toBeLessThanOrEqual(ratio * 1e-6);
      const sum = run(logReturn(), values).reduce<number>((total, r) => total + (r ?? 0), 0);
      expect(sum).toBeCloseTo(Math.log(ratio), 9);
    }),
  );
});

test('drawdown is never above 0 nor below -1, and 0 exactly at a high', () => {
  fc.assert(
    fc.property(series, values => {
      run(drawdownFromPeak(), values).forEach((drawdown, i) => {
        expect(drawdown).toBeLessThanOrEqual(0);
        expect(drawdown).toBeGreaterThan(-1);
        expect(drawdown === 0).toBe(values[i] === Math.max(...values.slice(0, i + 1)));
      });
    }),
  );
});

test('a moving average lies between the least and the greatest of its window, the exponential one of all so far', () => {
  fc.assert(
    fc.property(series, bars, (values, length) => {
      const [simple, exponential] = [simpleMovingAverage, exponentialMovingAverage].map(of => run(of(length), values));
      values.forEach((_, i) => {
        expect(simple![i] === null).toBe(i + 1 < length);
        expect(exponential![i] === null).toBe(i + 1 < length);
        if (i + 1 < length) return;
        for (const [average, window] of [
          [simple![i]!, values.slice(i + 1 - length, i + 1)],
          [exponential![i]!, values.slice(0, i + 1)],
        ] as const) {
          const [least, greatest] = [Math.min(...window), Math.max(...window)];
          expect(average).toBeGreaterThanOrEqual(least - tolerance(least));
          expect(average).toBeLessThanOrEqual(greatest + tolerance(greatest));
        }
      });
    }),
  );
});

test('volatility is not negative, does not depend on the unit of the price, and grows with the square root of the periods', () => {
  fc.assert(
    fc.property(series, bars, (values, length) => {
      const [yearly, other, quarter] = [
        run(historicalVolatility(length, 252), values),
        run(
          historicalVolatility(length, 252),
          values.map(value => value! * 4), // a power of two: no digit changes
        ),
        run(historicalVolatility(length, 63), values),
      ];
      expect(other).toEqual(yearly);
      yearly.forEach((volatility, i) => {
        expect(volatility === null).toBe(i < length);
        if (volatility === null) return;
        expect(volatility).toBeGreaterThanOrEqual(0);
        expect(quarter[i]! * 2).toBeCloseTo(volatility, 9);
      });
    }),
  );
});

test('no indicator looks ahead, and each forgets what lies before a gap, but for the peak', () => {
  fc.assert(
    fc.property(withGaps, fc.nat(), (values, cut) => {
      const length = cut % (values.length + 1);
      const makers = [
        simpleReturn,
        logReturn,
        () => simpleMovingAverage(3),
        () => exponentialMovingAverage(3),
        () => historicalVolatility(3, 252),
      ];
      for (const make of [...makers, () => drawdownFromPeak()])
        expect(run(make(), values.slice(0, length))).toEqual(run(make(), values).slice(0, length));
      const gap = values.lastIndexOf(null);
      for (const make of makers) expect(run(make(), values).slice(gap + 1)).toEqual(run(make(), values.slice(gap + 1)));
    }),
  );
});
