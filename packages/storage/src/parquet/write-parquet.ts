import { dirname, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format/sql';
import { readParquetFooter } from '@quantbot/infra';
import { makeFolderDurable, replaceFileDurable } from '@quantbot/infra/files';
import { withWritingConnection } from '../duckdb/memory-instance.js';
import { StorageError, storageError } from '../errors.js';
import { knownOptions, mustBeText } from '../options.js';
import { appendColumns, appendRows } from './append.js';
import { copyExactly } from './copy-exactly.js';
import { type Column, columnsOf, type Schema } from './schema.js';
import type { ColumnSource, RowSource } from './sources.js';

/** How the file is written. */
export interface WriteOptions {
  /** `'zstd'` when absent. */
  compression?: 'zstd' | 'snappy' | 'gzip' | 'lz4_raw' | 'uncompressed';
  /**
   * Rows per row group, which readers can skip or read in parallel: 122,880 by default, at least
   * 2,048.
   */
  rowGroupSize?: number;
}

/** What was written. */
export interface WrittenFile {
  /** Absolute. */
  path: string;
  rows: number;
  bytes: number;
}

const compressions = ['zstd', 'snappy', 'gzip', 'lz4_raw', 'uncompressed'];

/**
 * Writes rows or columns as one Parquet file. The file appears only when it is whole and flushed
 * (temporary name, fsync, rename, fsync of the folder). A failure leaves the old file. Without
 * rows, the file still has its schema.
 *
 * The schema lists every column in order with its DuckDB type; docs/reference/type-mapping.md lists
 * the types and their values. Nothing is rounded, cut or left out: a value that does not fit, or a
 * property without a column, is an error.
 *
 * @throws StorageError `SCHEMA_INVALID`, `VALUE_INVALID`, `OPTIONS_INVALID`, `WRITE_FAILED`.
 *
 * @example
 * const fills = [{ ts: new Date('2026-01-31T12:00:00Z'), price: 4500.25, size: 3n }];
 * await writeParquet('fills.parquet', fills, { ts: 'TIMESTAMP', price: 'DOUBLE', size: 'BIGINT' });
 */
export async function writeParquet(
  path: string,
  data: RowSource | ColumnSource,
  schema: Schema,
  options: WriteOptions = {},
): Promise<WrittenFile> {
  const target = resolve(mustBeText(path, 'The path of the file'));
  const columns = columnsOf(schema);
  if (typeof data !== 'object' || data === null)
    throw storageError('OPTIONS_INVALID', 'The data are neither rows nor columns.');
  const copyOptions = checkedCopyOptions(options);
  try {
    await makeFolderDurable(dirname(target), 0o777); // the caller's umask decides
    return await replaceFileDurable(target, async temporary => {
      const rows = await withWritingConnection(async connection => {
        await createTable(connection, columns);
        const count = isRows(data)
          ? await appendRows(connection, table, columns, data)
          : await appendColumns(connection, table, columns, data);
        await copyExactly(connection, { sql: `FROM ${table}`, path: temporary, options: copyOptions, readBack: true });
        return count;
      });
      const footer = await readParquetFooter(temporary);
      if (footer.rows !== rows) throw storageError('WRITE_FAILED', `${footer.rows} of ${rows} rows were written.`);
      return { path: target, rows, bytes: footer.bytes };
    });
  } catch (cause) {
    if (cause instanceof StorageError || !(cause instanceof Error) || !isOurs(cause)) throw cause;
    throw storageError('WRITE_FAILED', `${target} could not be written.`, { cause, details: [cause.message] });
  }
}

/** A table of this connection, which disappears with it. */
const table = 'data_to_write';

async function createTable(connection: DuckDBConnection, columns: readonly Column[]): Promise<void> {
  const definitions = columns.map(({ name, type }) => `${identifier(name)} ${type}`);
  await connection.run(`CREATE TEMP TABLE ${table} (${definitions.join(', ')})`);
}

const isRows = (data: RowSource | ColumnSource): data is RowSource =>
  Symbol.iterator in data || Symbol.asyncIterator in data;

/** Whether the disk or DuckDB failed, and not the caller's iterator. */
const isOurs = (error: Error): boolean => 'syscall' in error || / Error: /.test(error.message);

const writeNames = { compression: true, rowGroupSize: true } as const;

function checkedCopyOptions(options: WriteOptions): string {
  const { compression = 'zstd', rowGroupSize = 122_880 } = knownOptions(options, writeNames);
  const details: string[] = [];
  if (!compressions.includes(compression)) details.push(`compression: must be one of ${compressions.join(', ')}`);
  if (!(Number.isSafeInteger(rowGroupSize) && rowGroupSize >= 2048))
    details.push('rowGroupSize: must be a whole number of at least 2048 rows');
  if (details.length > 0) throw storageError('OPTIONS_INVALID', 'The options of the write are not valid.', { details });
  return `FORMAT parquet, COMPRESSION ${compression}, ROW_GROUP_SIZE ${rowGroupSize}`;
}
