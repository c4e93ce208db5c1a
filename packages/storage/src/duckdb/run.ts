import { setImmediate } from 'node:timers/promises';
import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult, DuckDBType } from '@duckdb/node-api';
import { keepWholeTexts } from '@quantbot/bus-format/duckdb';
import { type DuckDbFault, duckDbFault, movedPattern } from '@quantbot/bus-format/duckdb-fault';
import { identifier } from '@quantbot/bus-format/sql';
import { meaningRules } from '@quantbot/infra/bus';
import { forgottenPattern, StorageError, storageError } from '../errors.js';
import { type Decoder, decoderOf, emptyRecordFor } from '../types/decode.js';
import type { Columns, Row, TypedColumns, TypeMapping, Value } from '../types/mapping.js';
import { columnVector } from '../types/vector-memory.js';
import { bindParams, type Params } from './bind.js';
import { type ColumnBuilder, plainColumn, typedColumn } from './column-builder.js';
import { distinctNames } from './distinct-names.js';

keepWholeTexts();

/** A statement and how its result is to be read. */
export interface Statement {
  sql: string;
  params?: Params | undefined;
  mapping: Required<TypeMapping>;
  signal?: AbortSignal | undefined;
}

/** Decodes the chunks of one result into JavaScript values. */
export interface ResultDecoder {
  names: readonly string[];
  /** The values of each column of a chunk. */
  columns(chunk: DuckDBDataChunk): Value[][];
}

/** Returns a result's decoder. Duplicate column names become `a`, `a:1`. */
export function resultDecoder(
  result: DuckDBResult,
  mapping: Required<TypeMapping>,
  names: readonly string[] = distinctNames(result.columnNames()),
): ResultDecoder {
  const decoders: Decoder[] = names.map((name, index) => decoderOf(result.columnType(index), mapping, name));
  return {
    names,
    columns: chunk => {
      const { rowCount } = chunk;
      return decoders.map((decode, index) => decode(columnVector(chunk.chunk, index), rowCount));
    },
  };
}

/** Runs a statement to its end and returns all rows. */
export async function runForRows<R = Row>(connection: DuckDBConnection, statement: Statement): Promise<R[]> {
  const rows: R[] = [];
  await runForEach(connection, statement, result => {
    const decoder = resultDecoder(result, statement.mapping);
    return chunk => appendRows(rows as Row[], decoder.names, decoder.columns(chunk));
  });
  return rows;
}

/** Runs a statement to its end and returns its columns. */
export const runForColumns = (connection: DuckDBConnection, statement: Statement): Promise<Columns> =>
  runForBuilt(connection, statement, plainColumn);

/** {@link runForColumns} with typed arrays for columns of numbers without NULLs. */
export const runForTypedColumns = (connection: DuckDBConnection, statement: Statement): Promise<TypedColumns> =>
  runForBuilt(connection, statement, typedColumn);

async function runForBuilt<C>(
  connection: DuckDBConnection,
  statement: Statement,
  builderOf: (type: DuckDBType, mapping: Required<TypeMapping>, name: string, rows: number) => ColumnBuilder<C>,
): Promise<Record<string, C>> {
  const built: { names: string[]; builders: ColumnBuilder<C>[] } = { names: [], builders: [] };
  await runForEach(connection, statement, (result, rows) => {
    built.names = distinctNames(result.columnNames());
    built.builders = built.names.map((name, i) => builderOf(result.columnType(i), statement.mapping, name, rows));
    return chunk => {
      for (const [i, builder] of built.builders.entries()) builder.add(columnVector(chunk.chunk, i), chunk.rowCount);
    };
  });
  const whole = emptyRecordFor(built.names)() as Record<string, C>;
  for (const [index, name] of built.names.entries()) whole[name] = built.builders[index]!.column();
  return whole;
}

const chunksPerTurn = 32; // yield to the event loop after about 65,000 rows

/** Do not stream: a DuckDB stream ends without an error if reading fails. */
async function runForEach(
  connection: DuckDBConnection,
  { sql, params, signal }: Statement,
  begin: (result: DuckDBResult, rows: number) => (chunk: DuckDBDataChunk) => void,
): Promise<void> {
  const bound = params === undefined ? undefined : bindParams(params);
  const result = await interruptible(connection, signal, () => connection.run(sql, bound?.values, bound?.types));
  const chunks = Array.from({ length: result.chunkCount }, (_, index) => result.getChunk(index));
  const visit = begin(
    result,
    chunks.reduce((rows, chunk) => rows + chunk.rowCount, 0),
  );
  for (const [index, chunk] of chunks.entries()) {
    visit(chunk);
    if (index % chunksPerTurn !== chunksPerTurn - 1) continue;
    await setImmediate();
    signal?.throwIfAborted();
  }
}

/** Appends rows given as columns. */
export function appendRows(rows: Row[], names: readonly string[], columns: readonly Value[][]): void {
  const empty = emptyRecordFor(names);
  const count = columns[0]?.length ?? 0;
  for (let index = 0; index < count; index++) {
    const row: Row = empty();
    for (let column = 0; column < names.length; column++) row[names[column]!] = columns[column]![index];
    rows.push(row);
  }
}

const interruptEveryMs = 10;

/**
 * Runs `work`, and interrupts the connection's query if the signal aborts; then throws the signal's
 * reason. DuckDB forgets an interrupt that precedes the query, so it is repeated until the work
 * ends.
 */
export async function interruptible<T>(
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (signal === undefined) return work();
  signal.throwIfAborted();
  let again: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    again = setInterval(() => connection.interrupt(), interruptEveryMs);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    const result = await work();
    signal.throwIfAborted();
    return result;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', interrupt);
    clearInterval(again);
  }
}

/** Waits for earlier callers, or until the signal aborts; then throws the signal's reason. */
export async function waitFor(before: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal?.reason);
  });
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await Promise.race([before, aborted]);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** {@link queryError}, or {@link movedError}. */
export const queryErrorOn = async (connection: DuckDBConnection, cause: unknown): Promise<Error> =>
  (await movedError(connection, cause)) ?? queryError(cause);

/**
 * Returns the error of a moved database, if that is why a query failed. If the files of a query are
 * missing, DuckDB fails before it evaluates the view that compares the places, so this asks it.
 */
export async function movedError(connection: DuckDBConnection, cause: unknown): Promise<Error | undefined> {
  if (!(cause instanceof Error) || duckDbFault(cause.message) !== 'missing') return undefined;
  const views = "SELECT database_name FROM duckdb_views() WHERE schema_name = '_bus' AND view_name = 'here'";
  for (const [database] of (await connection.runAndReadAll(views)).getRowsJson()) {
    const view = `${identifier(String(database))}._bus.here`;
    const error = await connection.run(`FROM ${view}`).then(() => undefined, queryError);
    if (error instanceof StorageError && error.code === 'DATABASE_MOVED') return error;
  }
  return undefined;
}

/** Converts the error of a query. */
export function queryError(cause: unknown): Error {
  const message = (cause as Error).message;
  if (!(cause instanceof Error) || cause.constructor !== Error) return cause as Error;
  if (message.includes('read-only mode'))
    return storageError('DATABASE_READ_ONLY', 'The statement writes, but the database is open read-only.', {
      cause,
      details: [message],
    });
  const moved = movedPattern.exec(message);
  if (moved !== null) return storageError('DATABASE_MOVED', `${moved[0]}.`, { cause, details: [message] });
  const forgotten = forgottenPattern.exec(message);
  if (forgotten !== null) return storageError('ARTIFACT_FORGOTTEN', `${forgotten[0]}.`, { cause });
  const details = message.split('\n');
  const fault = duckDbFault(message);
  if (fault === 'missing' || (fault !== 'memory' && damagedPattern.test(message)))
    return storageError('READ_FAILED', `A file cannot be read: ${details[0]}`, {
      cause,
      details,
      hint: readHints[fault] ?? restoreHint,
    });
  const isOfSql = ['file', 'range', 'unsupported'].includes(fault) && !/^(IO|HTTP) Error: /.test(message);
  const code = isOfSql ? 'QUERY_FAILED' : 'READ_FAILED';
  const hint = fault === 'memory' ? { hint: readHints.memory } : {};
  return storageError(code, `The query failed: ${details[0]}`, { cause, details, ...hint });
}

const restoreHint =
  'Check the path, or restore the file. `quantbot-bus verify` names the missing and damaged files of a bus, and says what to do.';

const insteadOf = (rule: keyof typeof meaningRules) =>
  `Read other columns, or write ${meaningRules[rule].instead}. The file is not damaged.`;

/** What to do about a sound file that DuckDB cannot read. */
const readHints: Partial<Record<DuckDbFault, string>> = {
  unsupported:
    'Read other columns, or write the file with another encoding, compression or column type. The file is not damaged.',
  text: insteadOf('text'),
  json: insteadOf('json'),
  range: insteadOf('range'),
  memory:
    'Ask for less: a WHERE, a LIMIT or fewer columns. Or raise `memory_limit`: that of the daemon for a query over HTTP, else that of DuckDB.',
};

/** The beginnings with which DuckDB says that a Parquet file is not sound. It says so of no SQL. */
const damagedPattern = new RegExp(
  `^(${[
    'Invalid Error: ',
    `Invalid Input Error: (${[
      'Failed to read (Parquet )?file ["\']',
      "File '[^']*' too small to be a Parquet file",
      'Footer length error ',
      'Incorrect stats size ',
      'Invalid (footer length provided|unicode .* in value construction|(string|decimal) encoding found|JSON found)',
      'Malformed (JSON in file|Parquet schema) ',
      'Mismatch in parquet read ',
      'No magic bytes found ',
      'Parquet f(ile|ooter) ',
      'The width .* of the bitpacked data ',
    ].join('|')})`,
    'IO Error: (Could not read enough bytes |DELTA_|Failed to read Parquet file )',
    // An object that is shorter than DuckDB knows it.
    'HTTP Error: (Content-Length from server mismatches |.*\\(HTTP 416 )',
  ].join('|')})`,
);
