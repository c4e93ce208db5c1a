import { systemErrorCode } from '@quantbot/infra';
import { StorageError, storageError } from '../errors.js';

/** What a failure to open a database means. DuckDB's errors have no codes, so this is the one place that reads its sentences. */
export async function databaseError(path: string, cause: unknown): Promise<StorageError> {
  if (cause instanceof StorageError) return cause;
  const message = (cause as Error).message;
  const more = { cause, details: [message] };
  if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(cause) ?? '') || message.includes('database does not exist'))
    return storageError('DATABASE_NOT_FOUND', `There is no database at ${path}.`, { cause });
  if (message.includes('Could not set lock'))
    return storageError('DATABASE_LOCKED', `${path} is open for writing in another process.`, more);
  if (/not a valid DuckDB database|Is a directory|version number|Serialization Error|checksum/i.test(message))
    return storageError('DATABASE_INVALID', `${path} is not a database that this DuckDB can read.`, more);
  return storageError('READ_FAILED', `${path} could not be opened.`, more);
}
