import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { StorageError, storageError } from '../errors.js';
import { bindable, runQuery } from '../open-duckdb.js';
import { type Row, rowsOfChunk } from '../rows.js';
import type { ValueOptions } from '../values/from-duckdb.js';
import { interruptOn } from './read-parquet.js';
import { checkSameSchema, findFiles, type ReadOptions, selectSql } from './source.js';

/** How to scan. */
export interface ScanOptions extends ReadOptions, ValueOptions {
  /** Rows per batch; 10,000 when absent. The last batch may be smaller. */
  batchRows?: number;
}

const defaultBatchRows = 10_000;

/**
 * Reads Parquet in batches of rows, with memory for one batch, however large the files are.
 *
 * A scan proves its own end: DuckDB's Node stream ends without an error when a file vanishes under it, so the rows are counted first and compared at
 * the end. (The count of a scan without `where` comes from the footers alone.)
 *
 * @example
 * for await (const rows of scanParquet('data/exports/candles.parquet', { columns: ['close'] })) total += rows.length;
 *
 * @throws StorageError `FILE_NOT_FOUND`, `READ_FAILED`, `SCHEMAS_DIFFER`, `QUERY_FAILED`, `SCAN_INCOMPLETE`, `INTEGER_UNSAFE`.
 */
export async function* scanParquet(
  source: string | readonly string[],
  options: ScanOptions = {},
): AsyncGenerator<Row[], void, undefined> {
  options.signal?.throwIfAborted();
  const files = await findFiles(source);
  await checkSameSchema(files, options.columns);
  // An instance of its own: closing it ends a scan that the consumer has left.
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const stop = interruptOn(options.signal, connection);
  try {
    yield* batches(connection, selectSql(files, options), options);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error instanceof StorageError
      ? error
      : storageError('READ_FAILED', (error as Error).message, { cause: error });
  } finally {
    stop();
    connection.closeSync();
    instance.closeSync();
  }
}

async function* batches(
  connection: DuckDBConnection,
  sql: string,
  options: ScanOptions,
): AsyncGenerator<Row[], void, undefined> {
  const { batchRows = defaultBatchRows, params = [] } = options;
  const [counted] = await runQuery(connection, `SELECT count(*) AS n FROM (${sql})`, params, {});
  const result = await connection.stream(sql, params.map(bindable));
  const names = result.deduplicatedColumnNames();
  const types = result.columnTypes();
  let pending: Row[] = [];
  let seen = 0;
  for (;;) {
    options.signal?.throwIfAborted();
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    seen += chunk.rowCount;
    pending.push(...rowsOfChunk(chunk, names, types, options));
    for (; pending.length >= batchRows; pending = pending.slice(batchRows)) yield pending.slice(0, batchRows);
  }
  if (seen !== Number(counted?.n))
    throw storageError('SCAN_INCOMPLETE', `The scan ended after ${seen} of ${counted?.n} rows.`);
  if (pending.length > 0) yield pending;
}
