import { CodedError, defineErrors } from '@quantbot/infra';

/** The errors of slices, alerts and backtests. */
export const backtestCodes = {
  PLAN_INVALID: { hint: 'Correct the named fields of the plan.' },
  COVERAGE_MISMATCH: { hint: 'Compute the coverage from the same plan: computeCoverage(plan).' },
  CANDLES_INVALID: {
    hint: 'Give the candles the columns token_address, chain, timestamp, open, high, low, close, volume.',
  },
  BACKTEST_INVALID: { hint: 'Correct the named options. Those of preset.strategy depend on its type.' },
  INPUT_MISSING: {
    hint: 'Submit it first, or name another producer or kind. Run `quantbot-bus catalog artifacts` to list the artifacts.',
  },
} as const;

/** A code of {@link BacktestError}. */
export type BacktestCode = keyof typeof backtestCodes;

/** An error in a plan or in its candles. */
export class BacktestError extends CodedError<BacktestCode> {}

/** Creates a {@link BacktestError} with the hint of its code. */
export const backtestError = defineErrors('backtest', backtestCodes, BacktestError);
