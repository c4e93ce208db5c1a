import * as z from 'zod';
import { backtestError } from './errors.js';

const callSchema = z.strictObject({
  callId: z.string().min(1),
  tokenAddress: z.string().min(1),
  chain: z.string().min(1),
  /** The bar at whose close the call was made. */
  calledAt: z.date(),
});

const planSchema = z.strictObject({
  runId: z.string().min(1),
  /** Of the candles, as metadata: `1d`, `5m`. */
  interval: z.string().regex(/^\d+[smhdw]$/, 'must be a number and one of s, m, h, d, w'),
  calls: z.array(callSchema).min(1),
  /** How many bars before and after the call's own bar belong to its slice. */
  window: z.strictObject({ before: z.number().int().nonnegative(), after: z.number().int().nonnegative() }),
  /** Parquet with candles: a file, a folder, a glob, or a list of them. */
  candles: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  /** The folder of the local file. */
  outputDir: z.string().min(1),
  /** Keys of the artifacts that the candles and calls come from: the slice's lineage. */
  inputs: z.array(z.string()).optional(),
  /** Stored with the slice. */
  meta: z.record(z.string(), z.unknown()).optional(),
});

/** The plan of a slice. */
export type SlicePlan = z.infer<typeof planSchema>;
/** A moment at which an alert, a model or a person called a token. */
export type Call = z.infer<typeof callSchema>;

/**
 * Checks a plan.
 *
 * @throws BacktestError `PLAN_INVALID`, one detail per problem.
 */
export function checkPlan(plan: SlicePlan): SlicePlan {
  const parsed = planSchema.safeParse(plan);
  if (!parsed.success) {
    const details = parsed.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`);
    throw backtestError('PLAN_INVALID', `The plan is not valid: ${details.join('; ')}.`, { details });
  }
  const ids = new Set<string>();
  for (const { callId } of parsed.data.calls) {
    if (ids.has(callId)) throw backtestError('PLAN_INVALID', `The call ${callId} appears twice.`);
    ids.add(callId);
  }
  return parsed.data;
}
