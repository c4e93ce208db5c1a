import { CodedError, defineErrors } from '@quantbot/infra';

/** The errors of simulations and feature sets. */
export const labCodes = {
  PRESET_INVALID: { hint: 'Correct the named settings of the preset.' },
  FEATURES_INVALID: { hint: 'Correct the named settings. Windows are whole numbers of bars.' },
  BARS_INVALID: {
    hint: 'Sort the bars of each token by time, without duplicates, with positive prices, on one chain.',
  },
  SIGNALS_MISSING: {
    hint: 'Pass the signals as the third argument of simulate. If there are none, pass an empty list.',
  },
  INPUT_MISSING: {
    hint: 'Submit the slice first, or name another run. Run `quantbot-bus catalog artifacts` to list the artifacts.',
  },
} as const;

/** A code of {@link LabError}. */
export type LabCode = keyof typeof labCodes;

/** An error in a preset or in the bars. */
export class LabError extends CodedError<LabCode> {}

/** Creates a {@link LabError} with the hint of its code. */
export const labError = defineErrors('lab', labCodes, LabError);
