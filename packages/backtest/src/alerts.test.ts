import { expect, test } from 'vitest';
import { computeAlerts, defaultAlertSettings } from './alerts.js';
import type { Candle } from './candles.js';

const candles = (closes: number[], token_address = 'T'): Candle[] =>
  closes.map((close, day) => ({
    token_address,
    chain: 'c',
    timestamp: new Date(Date.UTC(2020, 0, 1 + day)),
    open: close,
    high: close,
    low: close,
    close,
    volume: 1,
  }));

const settings = { ...defaultAlertSettings, fastBars: 1, slowBars: 2, rsiBars: 2, breakoutBars: 3, drawdown: 0.3 };
const rulesOf = (closes: number[]) =>
  computeAlerts(candles(closes), settings).map(alert => [alert.ts.getUTCDate(), alert.rule]);

test('a crossing of the averages alerts on the bar on which it happens', () => {
  expect(rulesOf([10, 9.9, 10.1, 10]).filter(([, rule]) => String(rule).startsWith('sma'))).toEqual([
    [3, 'sma-cross-up'],
    [4, 'sma-cross-down'],
  ]);
});

test('a rule alerts when it becomes true, and not again while it stays so', () => {
  expect(rulesOf([10, 10, 6, 5, 4, 12, 6]).filter(([, rule]) => rule === 'drawdown')).toEqual([
    [3, 'drawdown'],
    [7, 'drawdown'],
  ]);
});

test('a breakout needs a close above all of the bars before', () => {
  expect(rulesOf([10, 9, 8, 9, 9.5, 9.4]).filter(([, rule]) => rule === 'breakout')).toEqual([[5, 'breakout']]);
});

test('an alert says what was compared with what', () => {
  const [alert] = computeAlerts(candles([10, 9.9, 10.1]), settings).filter(a => a.rule === 'sma-cross-up');
  expect(alert).toMatchObject({ alert_id: 'T-202001030000-sma-cross-up', price: 10.1, value: 10.1, threshold: 10 });
});

test('tokens do not mix', () => {
  const both = computeAlerts([...candles([10, 9.9, 10.1], 'A'), ...candles([1, 1, 1], 'B')], settings);
  expect(new Set(both.map(alert => alert.token_address))).toEqual(new Set(['A']));
});
