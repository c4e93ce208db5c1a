import type { CodedError } from '@quantbot/infra';
import { busError, type ServerError, silence } from '@quantbot/infra/bus';
import { type StorageCode, storageCodes, storageError } from './errors.js';

/** Returns the error of a server that gave no answer. */
export const unanswered = (root: string, cause: Error): CodedError =>
  storageError('READ_FAILED', `${silence(root, cause)}.`, {
    cause,
    hint: 'Check the network, and that the daemon serves HTTP at this address.',
  });

/**
 * Returns the error of a server's answer: with its code if that is one of this package, otherwise
 * with the given one.
 */
export function answered({ status, code, message, hint, details }: ServerError, other: StorageCode): CodedError {
  if (status === 401 || status === 403) return busError('BUS_DENIED', message, { details });
  const known = Object.hasOwn(storageCodes, code) ? (code as StorageCode) : other;
  return storageError(known, message, { hint, details });
}
