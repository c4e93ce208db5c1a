import * as z from 'zod';
import { labError } from '../errors.js';

const bars = z.number().int().min(1).max(10_000);
const fraction = z.number().positive().max(1);

const trendSchema = z
  .strictObject({
    type: z.literal('trend'),
    fastBars: bars.describe('Bars of the fast moving average.'),
    slowBars: bars.describe('Bars of the slow moving average.'),
  })
  .refine(trend => trend.fastBars < trend.slowBars, { message: 'must be smaller than slowBars', path: ['fastBars'] });

const meanReversionSchema = z
  .strictObject({
    type: z.literal('mean-reversion'),
    bars: bars.min(2).describe('Bars of mean and standard deviation.'),
    entryZ: z
      .number()
      .negative()
      .describe('Enter when the close is this many standard deviations from the mean (below it).'),
    exitZ: z.number().describe('Exit when the close is back at this many standard deviations.'),
  })
  .refine(reversion => reversion.entryZ < reversion.exitZ, { message: 'must be smaller than exitZ', path: ['entryZ'] });

const signalName = z.string().min(1).max(200);

const signalsSchema = z
  .strictObject({
    type: z.literal('signals'),
    enterOn: z.array(signalName).min(1).describe('Enter when one of these signals is given.'),
    exitOn: z
      .array(signalName)
      .default([])
      .describe('Exit when one of these is given. It wins over a signal to enter.'),
    exitAfterBars: bars.optional().describe('Exit this many bars after the newest signal to enter.'),
  })
  .refine(signals => !signals.enterOn.some(name => signals.exitOn.includes(name)), {
    message: 'names a signal that is also in enterOn',
    path: ['exitOn'],
  });

/** A preset: all settings of a simulation, except the bars and signals. */
export const presetSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be a plain name'),
  strategy: z.discriminatedUnion('type', [trendSchema, meanReversionSchema, signalsSchema]),
  /** Initial cash, in the quote currency. */
  capital: z.number().positive(),
  /**
   * The size of one position: a fraction of the available cash, or a fixed amount (fees included).
   */
  sizing: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('fraction'), fraction }),
    z.strictObject({ type: z.literal('fixed'), quote: z.number().positive() }),
  ]),
  /** Fee on each fill, in basis points of its amount. */
  feeBps: z.number().nonnegative().max(10_000).default(0),
  /** How much worse than its price a market or stop order is filled, in basis points. */
  slippageBps: z.number().nonnegative().max(5000).default(0),
  /** Sell when the price falls by this fraction below the entry price. */
  stopLoss: fraction.optional(),
  /** Sell when the price rises by this fraction above the entry price. */
  takeProfit: z.number().positive().optional(),
  /** Sell when the price falls by this fraction below the highest price since entry. */
  trailingStop: fraction.optional(),
});

/** A checked preset with its defaults filled in. */
export type Preset = z.infer<typeof presetSchema>;

/** A preset as people write it. */
export type PresetInput = z.input<typeof presetSchema>;

/**
 * Checks a preset.
 *
 * @throws LabError `PRESET_INVALID`, one detail per problem.
 */
export function parsePreset(input: unknown): Preset {
  const parsed = presetSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.map(issue => `${issue.path.join('.') || 'preset'}: ${issue.message}`);
  throw labError('PRESET_INVALID', `The preset is not valid: ${details.join('; ')}.`, { details });
}
