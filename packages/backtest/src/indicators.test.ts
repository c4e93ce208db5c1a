import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawdown, highestBefore, rsi, sma } from './indicators.js';

test('a moving average is null until it has its bars', () => {
  expect(sma([1, 2, 3, 4], 2)).toEqual([null, 1.5, 2.5, 3.5]);
  expect(sma([1], 2)).toEqual([null]);
});

test("the relative strength index follows Wilder's smoothing", () => {
  // Changes +1 +1 -1 over 3 bars: gains 2/3, losses 1/3, so 100 - 100 / (1 + 2) = 66.67. Then +2:
  // gains (2/3 * 2 + 2) / 3 = 10/9, losses 2/9: 83.33.
  const values = rsi([10, 11, 12, 11, 13], 3);
  expect(values.slice(0, 3)).toEqual([null, null, null]);
  expect(values[3]).toBeCloseTo(200 / 3, 10);
  expect(values[4]).toBeCloseTo(250 / 3, 10);
});

test('the relative strength index is 100 without losses and 50 without any change', () => {
  expect(rsi([1, 2, 3], 2).at(-1)).toBe(100);
  expect(rsi([1, 1, 1], 2).at(-1)).toBe(50);
});

test('drawdown is measured from the highest close so far', () => {
  expect(drawdown([10, 8, 12, 9])).toEqual([0, 1 - 8 / 10, 0, 1 - 9 / 12]);
});

test('the highest of the bars before does not count the bar itself', () => {
  expect(highestBefore([1, 3, 2, 5], 2)).toEqual([null, null, 3, 3]);
});

test('no indicator looks ahead', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { minLength: 2, maxLength: 40 }),
      fc.nat(),
      (closes, cut) => {
        const length = 1 + (cut % closes.length);
        for (const indicator of [
          (c: number[]) => sma(c, 3),
          (c: number[]) => rsi(c, 3),
          drawdown,
          (c: number[]) => highestBefore(c, 3),
        ])
          expect(indicator(closes.slice(0, length))).toEqual(indicator(closes).slice(0, length));
      },
    ),
  );
});
