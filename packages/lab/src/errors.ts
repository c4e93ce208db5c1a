import { CodedError } from '@quantbot/infra';

/** The errors of simulations and feature sets. */
export const labCodes = {
  PRESET_INVALID: { hint: 'Correct the named settings of the preset.' },
  FEATURES_INVALID: { hint: 'Correct the named settings: windows are whole numbers of bars.' },
  BARS_INVALID: {
    hint: 'Bars of a token must be sorted by time, without doubles, with positive prices, and of one chain.',
  },
  SIGNALS_MISSING: {
    hint: 'Give simulate its signals as the third argument; an empty list is enough where none were given.',
  },
  INPUT_MISSING: { hint: 'Submit the slice first, or name another run: quantbot-bus query shows what there is.' },
} as const;

/** A code of {@link LabError}. */
export type LabCode = keyof typeof labCodes;

/** An error in a preset or in the bars. */
export class LabError extends CodedError<LabCode> {}

/** Makes a {@link LabError} with the hint that its code carries. */
export const labError = (code: LabCode, message: string, details?: readonly string[]): LabError =>
  new LabError(code, message, { hint: labCodes[code].hint, details });
