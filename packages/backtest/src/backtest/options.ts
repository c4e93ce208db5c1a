import { artifactKeySchema, type BusPolicy, idSchema } from '@quantbot/infra';
import { presetSchema } from '@quantbot/lab';
import { z } from 'zod';
import { backtestError } from '../errors.js';
import { resultTables } from './tables.js';

const source = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const record = z.record(z.string(), z.unknown());

const optionsSchema = z
  .strictObject({
    runId: idSchema,
    /** Parquet with a slice (or with candles): a file, a folder, a glob, or a list of them. */
    slice: source,
    /** The strategy with capital, sizing, costs and stops: a preset of `@quantbot/lab`. */
    preset: presetSchema,
    /**
     * Parquet with alerts (`token_address, chain, ts, rule`), for a preset of the type `signals`:
     * its names are the alerts' rules.
     */
    alerts: source.optional(),
    /** Where the local files go. */
    outputDir: z.string().min(1),
    /** Keys of the artifacts that slice and alerts come from: the lineage. */
    inputs: z.array(artifactKeySchema).optional(),
    /** Takes the place of the provenance that is collected otherwise: commit, preset, versions. */
    provenance: record.optional(),
    /** Kept with each artifact, besides the preset's name. */
    meta: record.optional(),
    /**
     * `backtest.<table>` when absent, which the catalog records. `canon.<table>` makes a result
     * part of a canonical table.
     */
    schemaHints: z.partialRecord(z.enum(resultTables), z.string()).optional(),
    /** Else `QUANTBOT_BUS_ROOT`, the nearest `bus_config.json`, `data/bus`. */
    busRoot: z.string().min(1).optional(),
  })
  .superRefine(({ preset, alerts }, context) => {
    const needsAlerts = preset.strategy.type === 'signals';
    if (needsAlerts && alerts === undefined)
      context.addIssue({ code: 'custom', path: ['alerts'], message: 'a preset of the type signals needs alerts' });
    if (!needsAlerts && alerts !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['alerts'],
        message: `a preset of the type ${preset.strategy.type} does not look at alerts`,
      });
  });

/** What a backtest is to do. */
export type BacktestOptions = z.input<typeof optionsSchema> & BusPolicy;

/** Options that were checked, the preset's defaults filled in. */
export type CheckedBacktest = z.output<typeof optionsSchema> & BusPolicy;

/**
 * Checks the options of a backtest, before anything is read.
 *
 * @throws BacktestError `BACKTEST_INVALID`, one detail per problem.
 */
export function checkBacktest({ requireBus, logger, ...options }: BacktestOptions): CheckedBacktest {
  const parsed = optionsSchema.safeParse(options);
  if (parsed.success) return { ...parsed.data, requireBus, logger };
  const details = parsed.error.issues.map(issue => `${issue.path.join('.') || 'options'}: ${issue.message}`);
  throw backtestError('BACKTEST_INVALID', `The backtest is not valid: ${details.join('; ')}.`, { details });
}
