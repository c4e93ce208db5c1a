import type { Schema } from '@quantbot/storage';
import * as z from 'zod';
import { labError } from '../errors.js';

const windows = (least: number) =>
  z
    .array(z.number().int().min(least).max(10_000))
    .max(50)
    .refine(bars => new Set(bars).size === bars.length, { message: 'names a window twice' });

const settingsSchema = z.strictObject({
  /** Windows of the simple moving averages, in bars: a column `sma_<bars>` each. */
  smaBars: windows(1),
  /** Windows of the exponential moving averages, in bars: a column `ema_<bars>` each. */
  emaBars: windows(1),
  /** Windows of the volatility, in log returns: a column `volatility_<bars>` each. */
  volatilityBars: windows(2),
  /**
   * Bars in a year, by which the volatility is annualised: 252 for days of an exchange, 365 for
   * days of a market that never closes. 1 leaves it per bar.
   */
  periodsPerYear: z.number().positive().max(32_000_000),
});

/** The checked settings of a feature set. */
export type FeatureSettings = z.infer<typeof settingsSchema>;

/** Common settings for daily bars of an exchange. */
export const defaultFeatureSettings: FeatureSettings = {
  smaBars: [20, 50, 200],
  emaBars: [12, 26],
  volatilityBars: [20],
  periodsPerYear: 252,
};

/**
 * Checks settings, and fills in defaults.
 *
 * @throws LabError `FEATURES_INVALID`, one detail per problem.
 */
export function parseFeatureSettings(input: Partial<FeatureSettings> = {}): FeatureSettings {
  const parsed = settingsSchema.safeParse({ ...defaultFeatureSettings, ...input });
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.map(issue => `${issue.path.join('.') || 'settings'}: ${issue.message}`);
  throw labError('FEATURES_INVALID', `The feature settings are not valid: ${details.join('; ')}.`, { details });
}

/** The columns of `features.parquet` for some settings, in their order. */
export const featureSchema = ({ smaBars, emaBars, volatilityBars }: FeatureSettings): Schema => ({
  call_id: 'VARCHAR',
  token_address: 'VARCHAR',
  chain: 'VARCHAR',
  timestamp: 'TIMESTAMP',
  close: 'DOUBLE',
  return_simple: 'DOUBLE',
  return_log: 'DOUBLE',
  ...columns('volatility', volatilityBars),
  ...columns('sma', smaBars),
  ...columns('ema', emaBars),
  drawdown: 'DOUBLE',
});

const columns = (name: string, windowBars: readonly number[]): Record<string, 'DOUBLE'> =>
  Object.fromEntries(windowBars.map(bars => [`${name}_${bars}`, 'DOUBLE']));
