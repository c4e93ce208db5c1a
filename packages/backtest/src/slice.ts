import { join } from 'node:path';
import type { BusPolicy, Submission } from '@quantbot/infra/utils';
import { publishTables, type Schema } from '@quantbot/storage';
import { type Candle, candleSchema, groupByToken, readCandles, tokenKey } from './candles.js';
import { barIndexAt, type Coverage } from './coverage.js';
import { backtestError } from './errors.js';
import { checkPlan, type SlicePlan } from './plan.js';
import { backtestProvenance } from './provenance.js';

/** The columns of a slice: a candle, and the call that it belongs to. */
export const sliceSchema = { call_id: 'VARCHAR', ...candleSchema } as const satisfies Schema;

/** How a slice is submitted. */
export interface SliceOptions extends BusPolicy {
  /** The default is `QUANTBOT_BUS_ROOT`, the nearest `bus_config.json`, then `data/bus`. */
  busRoot?: string;
  /** Replaces the provenance that is collected by default: commit, parameters, versions. */
  provenance?: Record<string, unknown>;
}

/** A written slice. */
export interface Slice {
  /** The local file; absolute or relative, as `outputDir`. */
  path: string;
  rows: number;
  /** The eligible calls, whose candles it contains. */
  callIds: string[];
  /** Undefined if the bus could not take it. The local file exists either way. */
  submission: Submission | undefined;
}

/**
 * Writes the candles of a plan's eligible calls as one Parquet file
 * (`call_id, token_address, chain, timestamp, open, high, low, close, volume`) and submits it as
 * `run_id/backtest/slice/slice`.
 *
 * @example
 * const coverage = await computeCoverage(plan);
 * const slice = await materialiseSlice(plan, coverage);
 * await slice.submission?.settled();
 *
 * @throws BacktestError `PLAN_INVALID`, `COVERAGE_MISMATCH`, `CANDLES_INVALID`; BusError if the bus
 * refuses the file, or (with `requireBus`) is not available.
 */
export async function materialiseSlice(
  plan: SlicePlan,
  coverage: Coverage,
  options: SliceOptions = {},
): Promise<Slice> {
  const checked = checkPlan(plan);
  const eligible = eligibleCalls(checked, coverage);
  const rows = sliceRows(checked, eligible, await readCandles(checked.candles));
  const { provenance, ...bus } = options;
  const parameters = { interval: checked.interval, window: checked.window, calls: checked.calls.length };
  const { submission } = await publishTables({
    runId: checked.runId,
    producer: 'backtest',
    kind: 'slice',
    outputDir: checked.outputDir,
    tables: [
      {
        artifactId: 'slice',
        rows,
        schema: sliceSchema,
        schemaHint: 'backtest.slice',
        meta: { ...checked.meta, interval: checked.interval, window: checked.window, calls: eligible.size },
      },
    ],
    inputs: checked.inputs,
    provenance: provenance ?? (await backtestProvenance(parameters)),
    ...bus,
  });
  return { path: join(checked.outputDir, 'slice.parquet'), rows: rows.length, callIds: [...eligible], submission };
}

function eligibleCalls(plan: SlicePlan, coverage: Coverage): Set<string> {
  const covered = new Map(coverage.calls.map(call => [call.callId, call.eligible]));
  const unknown = plan.calls.find(call => !covered.has(call.callId));
  if (coverage.runId !== plan.runId || unknown !== undefined)
    throw backtestError(
      'COVERAGE_MISMATCH',
      `The coverage is for the run ${coverage.runId}, the plan for ${plan.runId}${unknown === undefined ? '' : `; the coverage lacks the call ${unknown.callId}`}.`,
    );
  return new Set(plan.calls.filter(call => covered.get(call.callId)).map(call => call.callId));
}

function sliceRows(plan: SlicePlan, eligible: ReadonlySet<string>, candles: readonly Candle[]) {
  const byToken = groupByToken(candles);
  return plan.calls
    .filter(call => eligible.has(call.callId))
    .flatMap(call => {
      const ofToken = byToken.get(tokenKey({ chain: call.chain, token_address: call.tokenAddress })) ?? [];
      const at = barIndexAt(ofToken, call.calledAt);
      if (at === undefined)
        throw backtestError(
          'COVERAGE_MISMATCH',
          `The coverage has the call ${call.callId} as complete, but its bar is missing.`,
        );
      const window = ofToken.slice(Math.max(0, at - plan.window.before), at + plan.window.after + 1);
      return window.map(candle => ({ call_id: call.callId, ...candle }));
    });
}
