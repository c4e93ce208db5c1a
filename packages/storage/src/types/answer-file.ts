import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier, literal } from '@quantbot/bus-format/sql';
import { storageError } from '../errors.js';

/** The key of a file's metadata that describes the columns of an answer. */
export const answerColumnsKey = 'quantbot.columns';

/** A column of the answer to a query, as the metadata of its file describes it. */
export interface AnswerColumn {
  /** Its name in the query; in the file, names are distinct. */
  name: string;
  /** DuckDB's name of its type. */
  type: string;
  /** Whether the file has the text of its values, because Parquet does not have the type. */
  isText: boolean;
}

/**
 * Returns a SELECT of the rows of an answer's file with the types of the query.
 *
 * @throws StorageError `READ_FAILED` if the file does not describe its columns.
 */
export async function selectOfAnswer(connection: DuckDBConnection, path: string): Promise<string> {
  const found = await connection.runAndReadAll(
    `SELECT decode(value) FROM parquet_kv_metadata(${literal(path)}) WHERE decode(key) = ${literal(answerColumnsKey)}`,
  );
  const text = found.getRowsJS()[0]?.[0];
  if (typeof text !== 'string')
    throw storageError('READ_FAILED', 'The server has sent a file that does not describe its columns.');
  const columns = JSON.parse(text) as AnswerColumn[];
  const chosen = columns.map(({ name, type, isText }, index) => {
    const value = isText ? `CAST(_c${index} AS ${type})` : `_c${index}`;
    return `${value} AS ${identifier(name)}`;
  });
  const places = columns.map((_, index) => `_c${index}`).join(', ');
  return `SELECT ${chosen.join(', ')} FROM read_parquet(${literal(path)}, hive_partitioning = false) AS _answer(${places})`;
}
