import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBResult,
  type Json,
  StatementType,
} from '@duckdb/node-api';
import { interruptible, queryError } from '../duckdb/run.js';
import { storageError } from '../errors.js';
import { jsonConverter } from './json-values.js';
import { assertOneSelect } from './one-select.js';
import { openSandbox, type SandboxOptions } from './open-sandbox.js';

/** How values come: all as DuckDB's text, or as JSON that loses nothing (see {@link jsonConverter}). */
export type SelectValues = 'text' | 'json';

/** What to ask, and how the answer comes. */
export interface SelectOptions extends SandboxOptions {
  values: SelectValues;
  /** Ends the query; the signal's reason is then thrown. */
  signal?: AbortSignal;
}

/** Some rows of an answer. */
export interface SelectBatch {
  /** The columns in order; a name can be there twice. */
  columns: { name: string; type: string }[];
  rows: Json[][];
}

/**
 * Runs somebody's SELECT where it can only read the bus's data, and gives its rows in their order, some at a time: memory for all of them is never needed.
 * The first batch comes also when there are no rows. A loop that ends without an error has seen all rows; one that is left ends the query.
 *
 * @throws StorageError `NOT_ONE_SELECT`, `OUT_OF_REACH`, `QUERY_FAILED`, `READ_FAILED`, `SCAN_INCOMPLETE`; those of `openSandbox`.
 */
export async function* streamSelect(
  sql: string,
  { values, signal, ...where }: SelectOptions,
): AsyncGenerator<SelectBatch, void, undefined> {
  const { connection, folders, close } = await openSandbox(where);
  try {
    await assertOneSelect(connection, sql, 'The query', folders);
    const columns = await columnsOf(connection, sql);
    yield { columns, rows: [] };
    const marked = withEndMark(sql, columns.length, values);
    const result = await interruptible(connection, signal, () => connection.stream(marked));
    let isWhole = false;
    for await (const { rows, isLast } of rowsOf(result, connection, signal)) {
      isWhole = isLast;
      yield { columns, rows };
    }
    if (isWhole) return;
    await interruptible(connection, signal, () => connection.run(toItsEnd(sql)));
    throw storageError('SCAN_INCOMPLETE', 'The answer ended before its end.');
  } catch (error) {
    throw signal?.aborted ? error : queryError(error);
  } finally {
    await close();
  }
}

/** The columns of what the SQL would give. */
async function columnsOf(connection: DuckDBConnection, sql: string): Promise<SelectBatch['columns']> {
  const prepared = await connection.prepare(sql);
  try {
    if (prepared.statementType !== StatementType.SELECT)
      throw storageError('NOT_ONE_SELECT', 'The query is no SELECT.');
    return Array.from({ length: prepared.columnCount }, (_, index) => ({
      name: prepared.columnName(index),
      type: String(prepared.columnType(index)),
    }));
  } finally {
    prepared.destroySync();
  }
}

/**
 * The rows, and behind them one that is only the mark of the end, since DuckDB's streams can end early and say nothing. It comes from the other side of a
 * UNION ALL, which DuckDB reads in order.
 */
function withEndMark(sql: string, count: number, values: SelectValues): string {
  const names = Array.from({ length: count }, (_, index) => `_c${index}`);
  const chosen = names.map(name => (values === 'text' ? `CAST(${name} AS VARCHAR)` : name));
  // On lines of its own: the SQL may end with a comment.
  return `SELECT ${chosen.join(', ')}, false FROM (
${withoutSemicolon(sql)}
) AS _query(${names.join(', ')})
UNION ALL SELECT ${names.map(() => 'NULL').join(', ')}, true`;
}

/** Reads each value of the rows and is no stream, so that it fails with what has ended the stream. */
const toItsEnd = (sql: string): string => `SELECT bit_xor(hash(_query)) FROM (\n${withoutSemicolon(sql)}\n) AS _query`;

/** A query as people type it ends with a semicolon, which cannot stand in a subquery. */
export const withoutSemicolon = (sql: string): string => sql.replace(/(;\s*)+$/, '');

async function* rowsOf(
  result: DuckDBResult,
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ rows: Json[][]; isLast: boolean }, void, undefined> {
  for (;;) {
    const chunk: DuckDBDataChunk | null = await interruptible(connection, signal, () => result.fetchChunk());
    if (chunk === null || chunk.rowCount === 0) return;
    const rows = chunk.convertRows(jsonConverter);
    const end = rows.findIndex(row => row.at(-1) === true);
    if (end >= 0 && end < rows.length - 1) return; // rows behind the mark would mean that it proves nothing
    const isLast = end >= 0;
    yield { rows: (isLast ? rows.slice(0, -1) : rows).map(row => row.slice(0, -1)), isLast };
  }
}
