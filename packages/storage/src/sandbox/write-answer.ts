import type { DuckDBConnection, DuckDBType } from '@duckdb/node-api';
import { identifier, literal } from '@quantbot/bus-format/sql';
import { distinctNames } from '../duckdb/distinct-names.js';
import { interruptible, queryErrorOn } from '../duckdb/run.js';
import { storageError } from '../errors.js';
import { type AnswerColumn, answerColumnsKey } from '../types/answer-file.js';
import { fileColumnOf } from '../types/file-types.js';
import { exactType, hasPart, typeText } from '../types/type-text.js';
import { type Bound, namesOf } from './names-of.js';
import { assertOneSelect } from './one-select.js';
import { openSandbox, type SandboxOptions } from './open-sandbox.js';
import { castToText } from './replace-values.js';
import { boundParams } from './select-rows.js';
import { withoutSemicolon } from './stream-select.js';

/** A query, and where its answer goes. */
export interface AnswerOptions extends SandboxOptions {
  /** The parameters, as the JSON text of `encodeValue`. */
  params?: string | undefined;
  /** The file to write. It must not exist. */
  path: string;
  /** Ends the query; the signal's reason is then thrown. */
  signal: AbortSignal;
}

/** A column of an answer with its type. */
type TypedColumn = AnswerColumn & { from: DuckDBType };

/**
 * Runs an untrusted SELECT, and writes all its rows as Parquet, from which `readAnswerFile` reads
 * the exact values. Values that Parquet does not have are DuckDB's texts. The file is not flushed.
 *
 * @throws StorageError `NOT_ONE_SELECT`, `OUT_OF_REACH`, `OPTIONS_INVALID`, `TYPE_UNSUPPORTED`,
 * `QUERY_FAILED`, `READ_FAILED`; those of `openSandbox`.
 */
export async function writeAnswer(
  sql: string,
  { params, path, signal, ...where }: AnswerOptions,
): Promise<{ rows: number }> {
  const bound = boundParams(params);
  const { connection, folders, close } = await openSandbox(where, [path]);
  try {
    await assertOneSelect(connection, sql, 'The query', folders);
    return await interruptible(connection, signal, async () => {
      const columns = await columnsOf(connection, sql, bound);
      const copy = `COPY (${selectOf(sql, columns)}) TO ${literal(path)} (${optionsOf(columns)})`;
      const done = await connection.runAndReadAll(copy, bound?.values, bound?.types);
      return { rows: Number(done.getRowsJS()[0]?.[0] ?? 0) };
    });
  } catch (error) {
    throw signal.aborted ? signal.reason : await queryErrorOn(connection, error);
  } finally {
    await close();
  }
}

/** A parameter can decide the type of a column, so the types come from a run without rows. */
async function columnsOf(connection: DuckDBConnection, sql: string, bound: Bound): Promise<TypedColumn[]> {
  const names = await namesOf(connection, sql, bound);
  const empty = await connection.run(
    `SELECT * FROM (\n${withoutSemicolon(sql)}\n) LIMIT 0`,
    bound?.values,
    bound?.types,
  );
  return empty.columnTypes().map((from, index) => ({
    name: names[index] ?? empty.columnName(index),
    type: typeText(from, exactType) ?? from.toString(),
    isText: isText(names[index] ?? '', from),
    from,
  }));
}

/** Whether a file has the text of a column's values. */
function isText(name: string, from: DuckDBType): boolean {
  const column = fileColumnOf(from);
  if ('isCast' in column) return column.isCast || column.refused !== undefined;
  throw storageError('TYPE_UNSUPPORTED', `The column ${name} (${from}) is too large an answer for its type.`, {
    hint: `CAST it to ${column.castTo ?? 'VARCHAR'}, or ask for less at once.`,
  });
}

function selectOf(sql: string, columns: readonly TypedColumn[]): string {
  const names = distinctNames(columns.map(({ name }) => name));
  const places = columns.map((_, index) => `_c${index}`);
  const chosen = columns.map(({ isText, from }, index) => {
    const value = isText ? castToText(`_c${index}`, from) : `_c${index}`;
    return `${value} AS ${identifier(names[index] as string)}`;
  });
  // Put the SQL on its own lines: it may end with a comment.
  return `SELECT ${chosen.join(', ')} FROM (\n${withoutSemicolon(sql)}\n) AS _query(${places.join(', ')})`;
}

function optionsOf(columns: readonly TypedColumn[]): string {
  const described = JSON.stringify(columns.map(({ name, type, isText }) => ({ name, type, isText })));
  // DuckDB's dictionary merges -0.0 with 0.0, and all NaNs.
  const hasFloats = columns.some(({ from }) => hasPart(from, part => /^(FLOAT|DOUBLE)$/.test(part.toString())));
  return [
    'FORMAT parquet, COMPRESSION zstd, WRITE_BLOOM_FILTER false',
    ...(hasFloats ? ['DICTIONARY_SIZE_LIMIT 0'] : []),
    `KV_METADATA {${literal(answerColumnsKey)}: ${literal(described)}}`,
  ].join(', ');
}
