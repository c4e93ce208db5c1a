import { artifactKeySchema, type BusPolicy, idSchema } from '@quantbot/infra';
import { presetSchema } from '@quantbot/lab';
import * as z from 'zod';
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
    /** The folder of the local files. */
    outputDir: z.string().min(1),
    /** Keys of the artifacts that slice and alerts come from: the lineage. */
    inputs: z.array(artifactKeySchema).optional(),
    /** Replaces the provenance that is collected by default: commit, preset, versions. */
    provenance: record.optional(),
    /** Stored with each artifact, in addition to the preset's name. */
    meta: record.optional(),
    /**
     * The default `backtest.<table>` is only recorded in the catalog. `canon.<table>` adds a result
     * to a canonical table.
     */
    schemaHints: z.partialRecord(z.enum(resultTables), z.string()).optional(),
    /** The default is `QUANTBOT_BUS_ROOT`, the nearest `bus_config.json`, then `data/bus`. */
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

/** The options of a backtest. */
export type BacktestOptions = z.input<typeof optionsSchema> & BusPolicy;

/** Checked options, with the preset's defaults filled in. */
export type CheckedBacktest = z.output<typeof optionsSchema> & BusPolicy;

/**
 * Checks the options of a backtest, before any file is read.
 *
 * @throws BacktestError `BACKTEST_INVALID`, one detail per problem.
 */
export function checkBacktest({ requireBus, logger, ...options }: BacktestOptions): CheckedBacktest {
  const parsed = optionsSchema.safeParse(options);
  if (parsed.success) return { ...parsed.data, requireBus, logger };
  const details = parsed.error.issues.map(issue => `${issue.path.join('.') || 'options'}: ${issue.message}`);
  throw backtestError('BACKTEST_INVALID', `The backtest is not valid: ${details.join('; ')}.`, { details });
}
