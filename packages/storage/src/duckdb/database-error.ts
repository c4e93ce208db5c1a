import { openFault } from '@quantbot/bus-format/duckdb-fault';
import { StorageError, storageError } from '../errors.js';

/** The error of a database that could not be opened. */
export function databaseError(path: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const more = { cause, details: [(cause as Error).message] };
  switch (openFault(cause)) {
    case 'missing':
      return storageError('DATABASE_NOT_FOUND', `There is no database at ${path}.`, { cause });
    case 'locked':
      return storageError('DATABASE_LOCKED', `${path} is open for writing in another process.`, more);
    case 'invalid':
      return storageError('DATABASE_INVALID', `${path} is not a database that this DuckDB can read.`, more);
    default:
      return storageError('READ_FAILED', `${path} could not be opened.`, more);
  }
}
