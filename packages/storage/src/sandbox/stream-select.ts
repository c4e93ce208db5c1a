import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBResult,
  type DuckDBType,
  type DuckDBValueConverter,
  type Json,
  StatementType,
} from '@duckdb/node-api';
import { interruptible, queryError } from '../duckdb/run.js';
import { storageError } from '../errors.js';
import { isCastToText, jsonConverterOf, textConverterOf } from './json-values.js';
import { assertOneSelect } from './one-select.js';
import { openSandbox, type SandboxOptions } from './open-sandbox.js';

/** How values come: all as DuckDB's text, or as JSON that loses nothing (see `jsonConverterOf`). */
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
 * Runs somebody's SELECT where it can only read the bus's data, and gives its rows in their order,
 * some at a time: memory for all of them is never needed. The first batch comes also when there are
 * no rows. A loop that ends without an error has seen all rows; one that is left ends the query.
 *
 * @throws StorageError `NOT_ONE_SELECT`, `OUT_OF_REACH`, `QUERY_FAILED`, `READ_FAILED`,
 * `SCAN_INCOMPLETE`; those of `openSandbox`.
 */
export async function* streamSelect(
  sql: string,
  { values, signal, ...where }: SelectOptions,
): AsyncGenerator<SelectBatch, void, undefined> {
  const { connection, folders, close } = await openSandbox(where);
  try {
    await assertOneSelect(connection, sql, 'The query', folders);
    const asked = await columnsOf(connection, sql);
    const columns = asked.map(({ name, type }) => ({ name, type: String(type) }));
    yield { columns, rows: [] };
    const marked = withEndMark(sql, asked, values);
    const result = await interruptible(connection, signal, () => connection.stream(marked));
    const converterOf = values === 'text' ? textConverterOf : jsonConverterOf;
    const converters = asked.map(({ name }) => converterOf(name));
    let isWhole = false;
    for await (const { rows, isLast } of rowsOf(result, connection, signal, converters)) {
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

interface Column {
  name: string;
  type: DuckDBType;
}

/** The columns of what the SQL would give. */
async function columnsOf(connection: DuckDBConnection, sql: string): Promise<Column[]> {
  const prepared = await connection.prepare(sql);
  try {
    if (prepared.statementType !== StatementType.SELECT)
      throw storageError('NOT_ONE_SELECT', 'The query is no SELECT.');
    return Array.from({ length: prepared.columnCount }, (_, index) => ({
      name: prepared.columnName(index),
      type: prepared.columnType(index),
    }));
  } finally {
    prepared.destroySync();
  }
}

/**
 * The rows, and behind them one that is only the mark of the end, since DuckDB's streams can end
 * early and say nothing. It comes from the other side of a UNION ALL, which DuckDB reads in order.
 */
function withEndMark(sql: string, columns: readonly Column[], values: SelectValues): string {
  const names = columns.map((_, index) => `_c${index}`);
  const isCast = ({ type }: Column) => values === 'text' && isCastToText(type.typeId);
  const chosen = columns.map((column, index) => (isCast(column) ? `CAST(_c${index} AS VARCHAR)` : `_c${index}`));
  // On lines of its own: the SQL may end with a comment.
  return `SELECT ${chosen.join(', ')}, false FROM (
${withoutSemicolon(sql)}
) AS _query(${names.join(', ')})
UNION ALL SELECT ${names.map(() => 'NULL').join(', ')}, true`;
}

/**
 * Reads each value of the rows and is no stream, so that it fails with what has ended the stream.
 */
const toItsEnd = (sql: string): string => `SELECT bit_xor(hash(_query)) FROM (\n${withoutSemicolon(sql)}\n) AS _query`;

/** A query as people type it ends with a semicolon, which cannot stand in a subquery. */
export const withoutSemicolon = (sql: string): string => sql.replace(/(;\s*)+$/, '');

async function* rowsOf(
  result: DuckDBResult,
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
  converters: readonly DuckDBValueConverter<Json>[],
): AsyncGenerator<{ rows: Json[][]; isLast: boolean }, void, undefined> {
  for (;;) {
    const chunk: DuckDBDataChunk | null = await interruptible(connection, signal, () => result.fetchChunk());
    if (chunk === null || chunk.rowCount === 0) return;
    const marks = chunk.getColumnVector(converters.length).toArray();
    const end = marks.indexOf(true);
    if (end >= 0 && end < marks.length - 1) return; // rows behind the mark would mean that it proves nothing
    const vectors = converters.map((_, index) => chunk.getColumnVector(index));
    const rows = Array.from({ length: end >= 0 ? end : marks.length }, (_, row) =>
      vectors.map((vector, index) => {
        const converter = converters[index]!;
        return converter(vector.getItem(row), vector.type, converter)!;
      }),
    );
    yield { rows, isLast: end >= 0 };
  }
}
