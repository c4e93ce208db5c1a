import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePreset } from './preset.js';
import type { Bar } from './records.js';
import { simulate } from './simulate.js';
import type { TokenSignal } from './strategy.js';
import { tradesOf } from './trades.js';

const day = (n: number) => new Date(Date.UTC(2020, 0, 1 + n));
/** A bar a day whose open is the close of the day before, so that fills can be told in the head. */
const bars = (...closes: number[]): Bar[] =>
  closes.map((close, n) => {
    const open = closes[n - 1] ?? close;
    return { timestamp: day(n), open, high: Math.max(open, close), low: Math.min(open, close), close };
  });
const signal = (n: number, name: string, token_id = 'T'): TokenSignal => ({ token_id, ts: day(n), name });

const preset = (strategy: object, more: object = {}) =>
  parsePreset({
    name: 'told',
    strategy: { type: 'signals', enterOn: ['up'], ...strategy },
    capital: 1000,
    sizing: { type: 'fraction', fraction: 1 },
    ...more,
  });
const fillsOf = (strategy: object, signals: TokenSignal[], closes = [10, 10, 20, 20, 40, 40, 40]) =>
  simulate(preset(strategy), new Map([['T', bars(...closes)]]), signals).fills.map(fill => [
    fill.side,
    fill.ts.getUTCDate() - 1,
    fill.price,
  ]);

test('a signal is carried out at the open of the bar after it', () => {
  expect(fillsOf({ exitOn: ['down'] }, [signal(1, 'up'), signal(3, 'down')])).toEqual([
    ['buy', 2, 10],
    ['sell', 4, 20],
  ]);
});

test('only signals that the preset names count, and only those of the token, at the beginning of a bar', () => {
  const noon = new Date(day(1).getTime() + 43_200_000);
  const others = [signal(1, 'breakout'), signal(1, 'up', 'OTHER'), { ...signal(1, 'up'), ts: noon }];
  expect(fillsOf({ exitOn: ['down'] }, [...others, signal(2, 'down')])).toEqual([]);
});

test('of an entry and an exit on one bar the exit counts', () => {
  expect(fillsOf({ exitOn: ['down'] }, [signal(1, 'up'), signal(3, 'up'), signal(3, 'down')])).toEqual([
    ['buy', 2, 10],
    ['sell', 4, 20],
  ]);
  expect(fillsOf({ exitOn: ['down'] }, [signal(1, 'up'), signal(1, 'down')])).toEqual([]);
});

test('a position ends so many bars after the newest signal to enter', () => {
  expect(fillsOf({ exitAfterBars: 2 }, [signal(1, 'up')])).toEqual([
    ['buy', 2, 10],
    ['sell', 4, 20],
  ]);
  expect(fillsOf({ exitAfterBars: 2 }, [signal(1, 'up'), signal(2, 'up')])).toEqual([
    ['buy', 2, 10],
    ['sell', 5, 40],
  ]);
});

test('a preset that goes by signals is not simulated without any list of them', () => {
  expect(() => simulate(preset({}), new Map([['T', bars(1, 1)]]))).toThrow(
    expect.objectContaining({ code: 'SIGNALS_MISSING' }),
  );
  expect(fillsOf({}, [])).toEqual([]);
});

test('a signal that is to enter and to exit is refused', () => {
  expect(() => preset({ exitOn: ['up'] })).toThrow(
    expect.objectContaining({ code: 'PRESET_INVALID', details: [expect.stringContaining('strategy.exitOn')] }),
  );
});

test('equity is marked once per moment, when the bars of all tokens have closed', () => {
  // 500 buy 50 of A at 10 on day 1. B rises while A falls: between the two bars of day 2 there
  // would be a drawdown that never was.
  const told = preset({}, { sizing: { type: 'fixed', quote: 500 } });
  const both = new Map([
    ['A', bars(10, 10, 5)],
    ['B', bars(10, 10, 15)],
  ]);
  const { equity, summary } = simulate(told, both, [signal(0, 'up', 'A'), signal(0, 'up', 'B')]);
  expect(equity).toEqual([
    { ts: day(0), cash: 1000, positions_value: 0, equity: 1000, drawdown: 0 },
    { ts: day(1), cash: 0, positions_value: 1000, equity: 1000, drawdown: 0 },
    { ts: day(2), cash: 0, positions_value: 1000, equity: 1000, drawdown: 0 },
  ]);
  expect(summary.maxDrawdown).toBe(0);
});

test('a trade has both sides of a position; one that is open is none yet', () => {
  const fees = { feeBps: 100 };
  const signals = [signal(1, 'up'), signal(3, 'down'), signal(4, 'up')];
  const result = simulate(
    preset({ exitOn: ['down'] }, fees),
    new Map([['T', bars(10, 10, 20, 20, 40, 40, 40)]]),
    signals,
  );
  // 1000 / 1.01 = 990.0990 buys 99.00990 at 10 for a fee of 9.9010; at 20 they bring 1980.1980,
  // less 19.8020: 960.3960 more than 1000.
  expect(tradesOf(result)).toEqual([
    {
      token_id: 'T',
      entry_ts: day(2),
      exit_ts: day(4),
      entry_price: 10,
      exit_price: 20,
      size: expect.closeTo(99.0099, 4),
      fees: expect.closeTo(29.703, 4),
      pnl: expect.closeTo(960.396, 4),
      return: expect.closeTo(0.960396, 6),
      reason: 'strategy',
    },
  ]);
  expect(result.summary.openPositions).toBe(1);
});

const anySignals = fc.array(
  fc.record({ n: fc.nat(39), name: fc.constantFrom('up', 'down'), token: fc.constantFrom('A', 'B') }),
  { maxLength: 40 },
);
const anyCloses = fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { minLength: 2, maxLength: 40 });

test('whatever the signals: trades add up to the summary, equity to cash and positions, and the drawdown to its depth', () => {
  fc.assert(
    fc.property(anySignals, anyCloses, anyCloses, (given, a, b) => {
      const told = preset(
        { exitOn: ['down'] },
        { feeBps: 10, sizing: { type: 'fraction', fraction: 0.5 }, stopLoss: 0.3 },
      );
      const tokens = new Map([
        ['A', bars(...a)],
        ['B', bars(...b)],
      ]);
      const result = simulate(
        told,
        tokens,
        given.map(({ n, name, token }) => signal(n, name, token)),
      );
      const { equity, events, summary } = result;
      const trades = tradesOf(result);
      expect(trades).toHaveLength(summary.trades);
      expect(trades.reduce((sum, trade) => sum + trade.pnl, 0)).toBeCloseTo(events.at(-1)?.pnl_so_far ?? 0, 6);
      expect(trades.filter(trade => trade.return > 0).length).toBeCloseTo(summary.winRate * summary.trades, 6);
      expect(equity).toHaveLength(Math.max(a.length, b.length));
      for (const point of equity) expect(point.equity).toBe(point.cash + point.positions_value);
      for (const point of equity) expect(point.drawdown).toBeLessThanOrEqual(0);
      expect(equity.at(-1)?.equity).toBe(summary.finalEquity);
      expect(Math.min(...equity.map(point => point.drawdown))).toBeCloseTo(-summary.maxDrawdown, 12);
    }),
  );
});
