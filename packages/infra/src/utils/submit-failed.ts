import { type BusError, busError, systemErrorCode } from '../errors.js';

const crossDeviceHint =
  'Put staging/ and inbox/ on one file system, as all folders of a bus must be. Nothing was submitted.';

/** Returns the error of a bus that did not take a job. */
export function submitFailed(
  cause: unknown,
  hint = systemErrorCode(cause) === 'EXDEV' ? crossDeviceHint : undefined,
): BusError {
  const message = (cause as Error).message.replace(/\.$/, '');
  return busError('SUBMIT_FAILED', `The bus could not take the job: ${message}.`, { cause, ...(hint && { hint }) });
}
