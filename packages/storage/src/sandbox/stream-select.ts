import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBResult,
  type DuckDBType,
  type DuckDBValueConverter,
  type Json,
  StatementType,
  VARCHAR,
} from '@duckdb/node-api';
import { interruptible, queryErrorOn } from '../duckdb/run.js';
import { storageError } from '../errors.js';
import { isCastToText, jsonConverterOf, textConverterOf } from './json-values.js';
import { assertOneSelect } from './one-select.js';
import { openSandbox, type SandboxOptions } from './open-sandbox.js';
import { castToText, shortTexts } from './replace-values.js';
import { tooLongError } from './too-long.js';

/** How to convert values: all as DuckDB's text, or as lossless JSON (see `jsonConverterOf`). */
export type SelectValues = 'text' | 'json';

/** A query and its output. */
export interface SelectOptions extends SandboxOptions {
  values: SelectValues;
  /** Ends the query; the signal's reason is then thrown. */
  signal?: AbortSignal;
}

/** Some rows of an answer. */
export interface SelectBatch {
  /** The columns in order. Names may repeat. */
  columns: { name: string; type: string }[];
  rows: Json[][];
}

/**
 * Runs an untrusted SELECT that can only read the bus's data, and yields its rows in batches, with
 * bounded memory. The first batch comes even without rows. A loop that ends without an error has
 * seen all rows. Leaving the loop ends the query.
 *
 * @throws StorageError `NOT_ONE_SELECT`, `OUT_OF_REACH`, `QUERY_FAILED`, `READ_FAILED`,
 * `ANSWER_TOO_LARGE` for a text that JavaScript cannot hold, `SCAN_INCOMPLETE`; those of
 * `openSandbox`.
 */
export async function* streamSelect(
  sql: string,
  { values, ...options }: SelectOptions,
): AsyncGenerator<SelectBatch, void, undefined> {
  const converterOf = values === 'text' ? textConverterOf : jsonConverterOf;
  let converters: DuckDBValueConverter<Json>[] = [];
  let columns: SelectBatch['columns'] = [];
  const chosen = (place: string, type: DuckDBType) =>
    values === 'text' && isCastToText(type.typeId)
      ? shortTexts(castToText(place, type), VARCHAR)
      : shortTexts(place, type);
  for await (const part of streamChunks(sql, { ...options, chosen })) {
    if ('columns' in part) {
      converters = part.columns.map(({ name }) => converterOf(name));
      columns = part.columns.map(({ name, type }) => ({ name, type: String(type) }));
      yield { columns, rows: [] };
    } else yield { columns, rows: rowsOf(part, converters) };
  }
}

/** A query, and how to select a column of it. */
export interface ChunkOptions extends SandboxOptions {
  /** Returns the SQL of a column's value; undefined for the value as it is. */
  chosen(place: string, type: DuckDBType): string | undefined;
  signal?: AbortSignal;
}

/** The columns of an answer, then its rows: the first `rows` of each chunk belong to the answer. */
export type SelectPart = { columns: readonly SelectColumn[] } | SelectChunk;

/** A column of a query. */
export interface SelectColumn {
  name: string;
  type: DuckDBType;
}

/** Some rows of an answer, in DuckDB's memory. */
export interface SelectChunk {
  chunk: DuckDBDataChunk;
  rows: number;
}

/** {@link streamSelect}, with the rows as DuckDB has them in memory. */
export async function* streamChunks(
  sql: string,
  { chosen, signal, ...where }: ChunkOptions,
): AsyncGenerator<SelectPart, void, undefined> {
  const { connection, folders, close } = await openSandbox(where);
  try {
    await assertOneSelect(connection, sql, 'The query', folders);
    const columns = await columnsOf(connection, sql);
    yield { columns };
    const marked = withEndMark(sql, columns, chosen);
    const result = await interruptible(connection, signal, () => connection.stream(marked));
    let isWhole = false;
    for await (const { isLast, ...part } of chunksOf(result, connection, signal, columns.length)) {
      isWhole = isLast;
      yield part;
    }
    if (isWhole) return;
    await interruptible(connection, signal, () => connection.run(toItsEnd(sql, columns)));
    throw storageError('SCAN_INCOMPLETE', 'The result stopped early.');
  } catch (error) {
    throw signal?.aborted ? error : (tooLongError(error) ?? (await queryErrorOn(connection, error)));
  } finally {
    await close();
  }
}

/** Returns the columns of the result. */
async function columnsOf(connection: DuckDBConnection, sql: string): Promise<SelectColumn[]> {
  const prepared = await connection.prepare(sql);
  try {
    if (prepared.statementType !== StatementType.SELECT)
      throw storageError('NOT_ONE_SELECT', 'The query is not a SELECT.');
    if (prepared.parameterCount > 0)
      throw storageError('QUERY_FAILED', 'The query has parameters, and nothing gives them values.');
    return Array.from({ length: prepared.columnCount }, (_, index) => ({
      name: prepared.columnName(index),
      type: prepared.columnType(index),
    }));
  } finally {
    prepared.destroySync();
  }
}

/**
 * Adds an end mark after the rows, because a DuckDB stream can end early without an error. The mark
 * comes from the second part of a UNION ALL, which DuckDB reads in order.
 */
function withEndMark(sql: string, columns: readonly SelectColumn[], chosenOf: ChunkOptions['chosen']): string {
  const names = columns.map((_, index) => `_c${index}`);
  const chosen = columns.map(({ type }, index) => chosenOf(`_c${index}`, type) ?? `_c${index}`);
  // Put the SQL on its own lines: it may end with a comment.
  return `SELECT ${chosen.join(', ')}, false FROM (
${withoutSemicolon(sql)}
) AS _query(${names.join(', ')})
UNION ALL SELECT ${names.map(() => 'NULL').join(', ')}, true`;
}

/** Reads each value without streaming, so that it fails with the error that ended the stream. */
const toItsEnd = (sql: string, columns: readonly SelectColumn[]): string =>
  `SELECT bit_xor(hash(_query)) FROM (\n${withoutSemicolon(sql)}\n) AS _query(${columns.map((_, index) => `_c${index}`).join(', ')})`;

/** Removes a trailing semicolon, which cannot stand in a subquery. */
export const withoutSemicolon = (sql: string): string => sql.replace(/(;\s*)+$/, '');

async function* chunksOf(
  result: DuckDBResult,
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
  columns: number,
): AsyncGenerator<SelectChunk & { isLast: boolean }, void, undefined> {
  for (;;) {
    const chunk: DuckDBDataChunk | null = await interruptible(connection, signal, () => result.fetchChunk());
    if (chunk === null || chunk.rowCount === 0) return;
    const marks = chunk.getColumnVector(columns).toArray();
    const end = marks.indexOf(true);
    if (end >= 0 && end < marks.length - 1) return; // rows after the mark would make it worthless as proof
    yield { chunk, rows: end >= 0 ? end : marks.length, isLast: end >= 0 };
  }
}

function rowsOf({ chunk, rows }: SelectChunk, converters: readonly DuckDBValueConverter<Json>[]): Json[][] {
  const vectors = converters.map((_, index) => chunk.getColumnVector(index));
  const rowAt = (row: number) =>
    vectors.map((vector, index) => {
      const converter = converters[index]!;
      return converter(vector.getItem(row), vector.type, converter)!;
    });
  try {
    return Array.from({ length: rows }, (_, row) => rowAt(row));
  } catch (error) {
    throw tooLongError(error) ?? error;
  }
}
