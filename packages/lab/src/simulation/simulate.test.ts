import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePreset } from './preset.js';
import type { Bar, SimulationResult } from './records.js';
import { simulate } from './simulate.js';

/**
 * Follows the price: above when the close is higher than the one before. Makes cases that can be
 * computed by hand.
 */
const follow = { type: 'trend', fastBars: 1, slowBars: 2 };
const base = { name: 'test', strategy: follow, capital: 1000, sizing: { type: 'fraction', fraction: 1 } };

/** Bars from [open, high, low, close]; one a day. */
const bars = (...rows: [number, number, number, number][]): Bar[] =>
  rows.map(([open, high, low, close], day) => ({
    timestamp: new Date(Date.UTC(2020, 0, 1 + day)),
    open,
    high,
    low,
    close,
  }));

/**
 * Closes of 10, 9 and 11: the third one crosses up, so whatever comes next begins with a buy at its
 * open.
 */
const leadIn: [number, number, number, number][] = [
  [10, 10, 10, 10],
  [9, 9, 9, 9],
  [11, 11, 11, 11],
];

const run = (more: object, ...rows: [number, number, number, number][]): SimulationResult =>
  simulate(parsePreset({ ...base, ...more }), new Map([['T', bars(...leadIn, ...rows)]]));

const exits = (result: SimulationResult) => result.events.filter(event => event.type === 'exit');
const cents = (amount: number) => Math.round(amount * 100) / 100;

describe('simulate, against cases computed by hand', () => {
  test('buys at the open after the signal and sells at the open after the next one, with fees and slippage, to the cent', () => {
    const result = run({ feeBps: 10, slippageBps: 10 }, [11.5, 12, 11.5, 12], [12, 12, 8, 8], [8.5, 8.5, 8.5, 8.5]);
    const { fills, summary } = result;
    // Buy: 11.5 * 1.001 = 11.5115; 1000 / 1.001 = 999.000999 buys 86.782869; fee 0.999001.
    expect(fills[0]).toMatchObject({ side: 'buy', ts: new Date('2020-01-04') });
    expect(fills[0]?.price).toBeCloseTo(11.5115, 10);
    expect(fills[0]?.size).toBeCloseTo(86.782869, 6);
    expect(fills[0]?.fees).toBeCloseTo(0.999001, 6);
    // Sell: 8.5 * 0.999 = 8.4915; 86.782869 * 8.4915 = 736.916732; fee 0.736917; 736.179815 is
    // left.
    expect(fills[1]).toMatchObject({ side: 'sell', ts: new Date('2020-01-06') });
    expect(fills[1]?.price).toBeCloseTo(8.4915, 10);
    expect(cents(fills[1]?.quote_amount ?? 0)).toBe(736.92);
    expect(cents(summary.finalEquity)).toBe(736.18);
    expect(exits(result)).toMatchObject([{ reason: 'strategy' }]);
    expect(cents(exits(result)[0]?.pnl ?? 0)).toBe(-263.82);
    expect(summary).toMatchObject({ trades: 1, winRate: 0, openPositions: 0 });
  });

  test('a stop loss sells at the stop when the bar passes through it', () => {
    const result = run({ stopLoss: 0.1 }, [10, 10.5, 8.5, 10.4]);
    expect(exits(result)).toMatchObject([{ reason: 'stop-loss', price: 9, size: 100, pnl: -100 }]);
    expect(result.summary.finalEquity).toBe(900);
  });

  test('a bar that opens below the stop sells at its open', () => {
    const result = run({ stopLoss: 0.1 }, [10, 11.5, 9.5, 11.4], [8, 8.2, 7.5, 8]);
    expect(exits(result)).toMatchObject([{ reason: 'stop-loss', price: 8, pnl: -200 }]);
  });

  test('a take profit sells at its price, without slippage, and at the open when that is better', () => {
    const reached = run({ takeProfit: 0.2, slippageBps: 100 }, [10, 13, 10, 11]);
    expect(exits(reached)[0]?.price).toBeCloseTo(10 * 1.01 * 1.2, 10);
    const gap = run({ takeProfit: 0.2 }, [10, 11.5, 10, 11.4], [15, 15, 14, 14]);
    expect(exits(gap)).toMatchObject([{ reason: 'take-profit', price: 15, pnl: 500 }]);
  });

  test('of a stop and a take profit in one bar the stop is assumed first', () => {
    expect(exits(run({ stopLoss: 0.1, takeProfit: 0.1 }, [10, 12, 8, 11]))).toMatchObject([
      { reason: 'stop-loss', price: 9 },
    ]);
  });

  test('a trailing stop rises with the high of a bar from the next bar on, and never falls', () => {
    // Entry at 10: stop 9. High 15 draws it to 13.5, which the same bar's low of 9.5 must not
    // trigger.
    const result = run({ trailingStop: 0.1 }, [10, 15, 9.5, 14], [14, 14.2, 13.8, 14.1], [14, 14, 13, 13.2]);
    expect(exits(result)).toMatchObject([
      { reason: 'trailing-stop', price: 13.5, pnl: 350, ts: new Date('2020-01-06') },
    ]);
    expect(result.positions.map(p => p.trailing_stop_price)).toEqual([13.5, 13.5]);
  });

  test('a position that stays open is valued at the last close', () => {
    const result = run({ feeBps: 100 }, [10, 11.5, 10, 11.5], [11.5, 12, 11.5, 12]);
    // 1000 / 1.01 = 990.0990 buys 99.00990 at 10; at 12 that is 1188.12.
    expect(cents(result.summary.finalEquity)).toBe(1188.12);
    expect(result.positions.at(-1)).toMatchObject({ entry_price: 10, current_price: 12 });
    expect(cents(result.positions.at(-1)?.unrealized_pnl ?? 0)).toBe(188.12);
    expect(result.summary).toMatchObject({ openPositions: 1, trades: 0 });
  });

  test('tokens share one pot of cash: what is not there cannot be spent', () => {
    const rows = bars(...leadIn, [10, 10, 10, 10]);
    const preset = parsePreset({ ...base, sizing: { type: 'fixed', quote: 600 } });
    const result = simulate(
      preset,
      new Map([
        ['A', rows],
        ['B', rows],
      ]),
    );
    expect(result.fills.map(fill => fill.token_id)).toEqual(['A']);
    expect(result.events.filter(event => event.reason === 'no-cash').map(event => event.token_id)).toEqual(['B']);
  });

  test('drawdown is measured from the highest equity before', () => {
    const result = run({}, [10, 20, 10, 20], [20, 20, 15, 15], [15, 15, 15, 15]);
    expect(result.summary.maxDrawdown).toBeCloseTo(0.25, 10);
  });

  test('mean reversion enters far below the mean and leaves when the price is back', () => {
    const strategy = { type: 'mean-reversion', bars: 4, entryZ: -1.5, exitZ: 0 };
    const flat = (price: number): [number, number, number, number] => [price, price, price, price];
    const prices = [10, 10.1, 10, 9, 9.2, 9.4, 10, 10];
    const result = simulate(parsePreset({ ...base, strategy }), new Map([['T', bars(...prices.map(flat))]]));
    // The closes 10, 10.1, 10, 9 have mean 9.775 and deviation 0.449: 9 is 1.72 below. Back above
    // the mean at 9.4 (mean of 10, 9, 9.2, 9.4).
    expect(result.fills.map(fill => [fill.side, fill.price])).toEqual([
      ['buy', 9.2],
      ['sell', 10],
    ]);
  });

  test('without bars, or with too few, nothing happens', () => {
    expect(simulate(parsePreset(base), new Map()).summary).toMatchObject({ finalEquity: 1000, trades: 0, bars: 0 });
    expect(simulate(parsePreset(base), new Map([['T', bars([1, 1, 1, 1])]])).events).toEqual([]);
  });
});

describe('simulate refuses', () => {
  test.each<[string, Bar[]]>([
    ['bars out of order', bars([1, 1, 1, 1], [1, 1, 1, 1]).reverse()],
    ['a bar that closes above its high', bars([1, 1, 1, 2])],
    ['a price that is not positive', bars([1, 1, 0, 1])],
  ])('%s', (_, wrong) => {
    expect(() => simulate(parsePreset(base), new Map([['T', wrong]]))).toThrow(
      expect.objectContaining({ code: 'BARS_INVALID' }),
    );
  });
});

const walk = fc
  .array(
    fc.record({
      open: fc.double({ min: -0.1, max: 0.1, noNaN: true }),
      close: fc.double({ min: -0.1, max: 0.1, noNaN: true }),
      range: fc.double({ min: 0, max: 0.1, noNaN: true }),
    }),
    { minLength: 5, maxLength: 80 },
  )
  .map(steps => {
    let price = 100;
    return bars(
      ...steps.map((step): [number, number, number, number] => {
        const open = price * (1 + step.open);
        const close = open * (1 + step.close);
        price = close;
        return [open, Math.max(open, close) * (1 + step.range), Math.min(open, close) * (1 - step.range), close];
      }),
    );
  });

const strategies = fc.oneof(
  fc.record({
    type: fc.constant('trend'),
    fastBars: fc.integer({ min: 1, max: 3 }),
    slowBars: fc.integer({ min: 4, max: 8 }),
  }),
  fc.record({
    type: fc.constant('mean-reversion'),
    bars: fc.integer({ min: 2, max: 8 }),
    entryZ: fc.constant(-0.8),
    exitZ: fc.constant(0.5),
  }),
);
const share = fc.double({ min: 0.01, max: 0.5, noNaN: true });
const anyPreset = fc
  .record({
    strategy: strategies,
    feeBps: fc.integer({ min: 0, max: 50 }),
    slippageBps: fc.integer({ min: 0, max: 50 }),
    stopLoss: fc.option(share, { nil: undefined }),
    takeProfit: fc.option(share, { nil: undefined }),
    trailingStop: fc.option(share, { nil: undefined }),
  })
  .map(preset => parsePreset({ ...base, ...preset }));

describe('simulate, whatever the bars', () => {
  test('never looks ahead: taking away the future changes nothing before it', () => {
    fc.assert(
      fc.property(anyPreset, walk, fc.nat(), (preset, series, cut) => {
        const length = 1 + (cut % series.length);
        const whole = simulate(preset, new Map([['T', series]]));
        const part = simulate(preset, new Map([['T', series.slice(0, length)]]));
        const until = (series[length - 1] as Bar).timestamp;
        expect(part.fills).toEqual(whole.fills.filter(fill => fill.ts <= until));
        expect(part.positions).toEqual(whole.positions.filter(position => position.ts <= until));
        expect(part.events).toEqual(whole.events.filter(event => event.ts <= until));
      }),
    );
  });

  test('no cent appears or vanishes: cash and positions add up to what came in and went out', () => {
    fc.assert(
      fc.property(anyPreset, walk, (preset, series) => {
        const { fills, summary } = simulate(preset, new Map([['T', series]]));
        let cash = preset.capital;
        let size = 0;
        for (const fill of fills) {
          cash += (fill.side === 'sell' ? fill.quote_amount : -fill.quote_amount) - fill.fees;
          size += fill.side === 'buy' ? fill.size : -fill.size;
          expect(cash).toBeGreaterThan(-1e-6);
        }
        expect(summary.finalEquity).toBeCloseTo(cash + size * (series.at(-1) as Bar).close, 6);
        expect(summary.fees).toBeCloseTo(
          fills.reduce((sum, fill) => sum + fill.fees, 0),
          6,
        );
      }),
    );
  });

  test('fees never help', () => {
    fc.assert(
      fc.property(anyPreset, walk, (preset, series) => {
        const equity = (feeBps: number) =>
          simulate({ ...preset, feeBps }, new Map([['T', series]])).summary.finalEquity;
        expect(equity(preset.feeBps + 10)).toBeLessThanOrEqual(equity(preset.feeBps) + 1e-9);
      }),
    );
  });
});
