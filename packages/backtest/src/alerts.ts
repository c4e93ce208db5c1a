import type { Schema } from '@quantbot/storage';
import { type Candle, groupByToken } from './candles.js';
import { drawdown, highestBefore, rsi, sma } from './indicators.js';

/** The rules of the standard alerts. */
export type AlertRule = 'sma-cross-up' | 'sma-cross-down' | 'rsi-oversold' | 'rsi-overbought' | 'breakout' | 'drawdown';

/** One standard alert: at the close of a bar, a rule became true. */
export interface Alert {
  alert_id: string;
  token_address: string;
  chain: string;
  /** Start of the bar whose close raised the alert. */
  ts: Date;
  rule: AlertRule;
  /** The close. */
  price: number;
  /** The value that the rule examined, and its threshold. */
  value: number;
  threshold: number;
}

/** The columns of `alerts_std`. */
export const alertSchema = {
  alert_id: 'VARCHAR',
  token_address: 'VARCHAR',
  chain: 'VARCHAR',
  ts: 'TIMESTAMP',
  rule: 'VARCHAR',
  price: 'DOUBLE',
  value: 'DOUBLE',
  threshold: 'DOUBLE',
} as const satisfies Schema;

/** The numbers of the rules, in bars, index points and fractions. */
export interface AlertSettings {
  fastBars: number;
  slowBars: number;
  rsiBars: number;
  oversold: number;
  overbought: number;
  breakoutBars: number;
  drawdown: number;
}

/** Common settings for daily bars. */
export const defaultAlertSettings: AlertSettings = {
  fastBars: 50,
  slowBars: 200,
  rsiBars: 14,
  oversold: 30,
  overbought: 70,
  breakoutBars: 252,
  drawdown: 0.1,
};

/**
 * The alerts of all tokens, by token and time. A rule alerts once when it becomes true, not while
 * it stays true.
 */
export function computeAlerts(candles: readonly Candle[], settings: AlertSettings = defaultAlertSettings): Alert[] {
  return [...groupByToken(candles).values()].flatMap(series => alertsOfToken(series, settings));
}

function alertsOfToken(series: readonly Candle[], settings: AlertSettings): Alert[] {
  const closes = series.map(candle => candle.close);
  const fast = sma(closes, settings.fastBars);
  const slow = sma(closes, settings.slowBars);
  const strength = rsi(closes, settings.rsiBars);
  const high = highestBefore(closes, settings.breakoutBars);
  const fall = drawdown(closes);
  /**
   * For each rule: the values that it examines, the threshold, and the side on which it is true.
   */
  const rules: [AlertRule, (number | null)[], (i: number) => number | null, 'above' | 'below'][] = [
    ['sma-cross-up', fast, i => slow[i] ?? null, 'above'],
    ['sma-cross-down', fast, i => slow[i] ?? null, 'below'],
    ['rsi-oversold', strength, () => settings.oversold, 'below'],
    ['rsi-overbought', strength, () => settings.overbought, 'above'],
    ['breakout', closes, i => high[i] ?? null, 'above'],
    ['drawdown', fall, () => settings.drawdown, 'above'],
  ];
  const alerts: Alert[] = [];
  for (let i = 1; i < series.length; i++) {
    for (const [rule, values, thresholdAt, side] of rules) {
      const [before, now] = [isTrue(values[i - 1], thresholdAt(i - 1), side), isTrue(values[i], thresholdAt(i), side)];
      // An unknown earlier state (too few bars) is not a crossing.
      if (now === true && before === false)
        alerts.push(alertAt(series[i] as Candle, rule, values[i] as number, thresholdAt(i) as number));
    }
  }
  return alerts;
}

function isTrue(
  value: number | null | undefined,
  threshold: number | null,
  side: 'above' | 'below',
): boolean | undefined {
  if (value === null || value === undefined || threshold === null) return undefined;
  return side === 'above' ? value > threshold : value < threshold;
}

const alertAt = (candle: Candle, rule: AlertRule, value: number, threshold: number): Alert => ({
  alert_id: `${candle.token_address}-${candle.timestamp.toISOString().slice(0, 16).replace(/[-:T]/g, '')}-${rule}`,
  token_address: candle.token_address,
  chain: candle.chain,
  ts: candle.timestamp,
  rule,
  price: candle.close,
  value,
  threshold,
});
