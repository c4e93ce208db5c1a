import type { DuckDBConnection, DuckDBResultReader } from '@duckdb/node-api';
import { withMemoryDatabase } from '../memory-database.js';
import { runToEnd } from '../open-duckdb.js';
import { type Columns, columnsOf, type Row, rowsOf } from '../rows.js';
import type { ValueOptions } from '../values/from-duckdb.js';
import { checkSameSchema, findFiles, type ReadOptions, selectSql } from './source.js';

/**
 * Reads Parquet as rows: a file, a folder, a glob, or a list of them. Only the named columns and the row groups that `where` cannot rule out are
 * read. For more than some hundred thousand rows use {@link readParquetColumns} or `scanParquet`.
 *
 * @example
 * const rows = await readParquet('data/exports/alerts_std.parquet', {
 *   columns: ['token_address', 'ts'],
 *   where: 'ts >= ?',
 *   params: [new Date('2020-01-01')],
 *   orderBy: 'ts',
 *   limit: 10,
 * });
 *
 * @throws StorageError `FILE_NOT_FOUND`, `READ_FAILED`, `SCHEMAS_DIFFER`, `QUERY_FAILED`, `INTEGER_UNSAFE`.
 */
export async function readParquet<T extends Row = Row>(
  source: string | readonly string[],
  options: ReadOptions & ValueOptions = {},
): Promise<T[]> {
  return read(source, options, reader => rowsOf(reader, options) as T[]);
}

/**
 * Reads Parquet as columns: an array of values per name. Several times faster than rows, and takes less memory.
 *
 * @throws like {@link readParquet}.
 */
export async function readParquetColumns(
  source: string | readonly string[],
  options: ReadOptions & ValueOptions = {},
): Promise<Columns> {
  return read(source, options, reader => columnsOf(reader, options));
}

async function read<T>(
  source: string | readonly string[],
  options: ReadOptions & ValueOptions,
  take: (reader: DuckDBResultReader) => T,
): Promise<T> {
  options.signal?.throwIfAborted();
  const files = await findFiles(source);
  await checkSameSchema(files, options.columns);
  return withMemoryDatabase(async connection => {
    const stop = interruptOn(options.signal, connection);
    try {
      return take(await runToEnd(connection, selectSql(files, options), options.params ?? []));
    } catch (error) {
      options.signal?.throwIfAborted();
      throw error;
    } finally {
      stop();
    }
  });
}

/** Lets a signal end a running query. */
export function interruptOn(signal: AbortSignal | undefined, connection: DuckDBConnection): () => void {
  const interrupt = () => connection.interrupt();
  signal?.addEventListener('abort', interrupt);
  return () => signal?.removeEventListener('abort', interrupt);
}
