import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type DuckDBConnection, DuckDBDataChunk, DuckDBInstance, type DuckDBType } from '@duckdb/node-api';
import { syncFile, syncFolder, temporaryBeside } from '@quantbot/infra';
import { storageError } from '../errors.js';
import { identifier, literal } from '../sql.js';
import { toDuckDb } from '../values/to-duckdb.js';

/** Columns in file order, each with its DuckDB type: `{ ts: 'TIMESTAMP', price: 'DOUBLE', tags: 'VARCHAR[]' }`. */
export type WriteSchema = Record<string, string>;

/** How the file is written. */
export interface WriteOptions {
  /** Default `zstd`. */
  compression?: 'zstd' | 'snappy' | 'gzip' | 'lz4' | 'uncompressed';
  /** Rows per row group; DuckDB's own default (122,880) when absent. */
  rowGroupSize?: number;
  /** Key-value metadata of the file. */
  metadata?: Record<string, string>;
}

/** Values by column name, all of one length. */
export type ColumnInput = Record<string, readonly unknown[]>;

/** DuckDB's data chunks hold so many rows. */
const chunkRows = 2048;

/**
 * Writes rows (any iterable) or columns as Parquet. The file appears whole and flushed, or not at all; without rows it still has its
 * schema.
 *
 * @example
 * await writeParquet('fills.parquet', fills, { ts: 'TIMESTAMP', side: 'VARCHAR', price: 'DOUBLE', size: 'DOUBLE' });
 *
 * @returns the number of rows written.
 * @throws StorageError `SCHEMA_INVALID`, `VALUE_INVALID` (naming row and column); system errors of the disk as they come.
 */
export async function writeParquet(
  path: string,
  data: Iterable<Record<string, unknown>> | AsyncIterable<Record<string, unknown>> | ColumnInput,
  schema: WriteSchema,
  options: WriteOptions = {},
): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const temporary = temporaryBeside(path);
  try {
    await createTable(connection, schema);
    const rows = await appendAll(connection, isColumns(data) ? rowsOfColumns(data, schema) : data, Object.keys(schema));
    await copyOut(connection, temporary, options);
    await syncFile(temporary);
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(temporary, { force: true });
  }
}

async function createTable(connection: DuckDBConnection, schema: WriteSchema): Promise<void> {
  const columns = Object.entries(schema);
  if (columns.length === 0) throw storageError('SCHEMA_INVALID', 'A Parquet file needs at least one column.');
  // The type is SQL text: only what a type can consist of is let through.
  const bad = columns.find(([, type]) => !/^[A-Za-z][A-Za-z0-9_ ,()[\]"]*$/.test(type));
  if (bad !== undefined)
    throw storageError('SCHEMA_INVALID', `${bad[0]} has the type ${bad[1]}, which DuckDB does not have.`);
  try {
    await connection.run(
      `CREATE TABLE data (${columns.map(([name, type]) => `${identifier(name)} ${type}`).join(', ')})`,
    );
  } catch (cause) {
    throw storageError('SCHEMA_INVALID', (cause as Error).message, { cause });
  }
}

async function appendAll(
  connection: DuckDBConnection,
  rows: Iterable<Record<string, unknown>> | AsyncIterable<Record<string, unknown>>,
  names: readonly string[],
): Promise<number> {
  const appender = await connection.createAppender('data');
  const types = names.map((_, index) => appender.columnType(index));
  const known = new Set(names);
  let count = 0;
  let pending: Record<string, unknown>[] = [];
  const flush = () => {
    if (pending.length === 0) return;
    appender.appendDataChunk(chunkOf(pending, names, types, count - pending.length));
    pending = [];
  };
  for await (const row of rows) {
    const stray = Object.keys(row).find(name => !known.has(name));
    if (stray !== undefined)
      throw storageError('VALUE_INVALID', `Row ${count}: ${stray} is not a column of the schema.`);
    pending.push(row);
    count++;
    if (pending.length === chunkRows) flush();
  }
  flush();
  appender.flushSync();
  appender.closeSync();
  return count;
}

function chunkOf(
  rows: readonly Record<string, unknown>[],
  names: readonly string[],
  types: readonly DuckDBType[],
  firstRow: number,
): DuckDBDataChunk {
  const chunk = DuckDBDataChunk.create(types, rows.length);
  chunk.setColumns(
    names.map((column, index) =>
      rows.map((row, r) => toDuckDb(row[column], types[index] as DuckDBType, { row: firstRow + r, column })),
    ),
  );
  return chunk;
}

async function copyOut(connection: DuckDBConnection, path: string, options: WriteOptions): Promise<void> {
  const metadata = Object.entries(options.metadata ?? {}).map(
    ([key, value]) => `${identifier(key)}: ${literal(value)}`,
  );
  const settings = [
    'FORMAT parquet',
    `COMPRESSION ${options.compression ?? 'zstd'}`,
    ...(options.rowGroupSize === undefined ? [] : [`ROW_GROUP_SIZE ${Math.max(1, Math.floor(options.rowGroupSize))}`]),
    ...(metadata.length === 0 ? [] : [`KV_METADATA {${metadata.join(', ')}}`]),
  ];
  await connection.run(`COPY data TO ${literal(path)} (${settings.join(', ')})`);
}

const isColumns = (data: object): data is ColumnInput => !(Symbol.iterator in data) && !(Symbol.asyncIterator in data);

function* rowsOfColumns(columns: ColumnInput, schema: WriteSchema): Generator<Record<string, unknown>> {
  const stray = Object.keys(columns).find(name => !(name in schema));
  if (stray !== undefined) throw storageError('VALUE_INVALID', `${stray} is not a column of the schema.`);
  const lengths = new Set(Object.values(columns).map(column => column.length));
  if (lengths.size > 1)
    throw storageError('VALUE_INVALID', `The columns have different lengths: ${[...lengths].join(', ')}.`);
  const names = Object.keys(columns);
  for (let row = 0; row < ([...lengths][0] ?? 0); row++)
    yield Object.fromEntries(names.map(name => [name, columns[name]?.[row]]));
}
