import type { DuckDBConnection } from '@duckdb/node-api';
import { literal } from '@quantbot/bus-format/sql';
import { foldName } from '@quantbot/infra/bus';
import { storageError } from '../errors.js';
import { assertWithinReach } from './within-reach.js';

interface Parsed {
  error?: boolean;
  error_type?: string;
  error_message?: string;
  statements?: unknown[];
}

/**
 * Accepts exactly one SELECT that names no file outside the folders. DuckDB serialises only SELECT
 * statements, so whatever it serialises as one statement is one SELECT.
 *
 * @param connection with all views that the SQL may name.
 * @param of the subject of the error message: "The query".
 * @param folders absolute paths in which only the daemon can create names.
 * @throws StorageError `NOT_ONE_SELECT`, `OUT_OF_REACH`, `QUERY_FAILED` for invalid SQL.
 */
export async function assertOneSelect(
  connection: DuckDBConnection,
  sql: string,
  of: string,
  folders: readonly string[],
): Promise<void> {
  const reader = await connection.runAndReadAll(`SELECT json_serialize_sql(${literal(sql)}) AS parsed`);
  const parsed = JSON.parse(String(reader.getRowsJS()[0]?.[0] ?? '{}')) as Parsed;
  const { error, error_type, error_message, statements = [] } = parsed;
  const must = `${of} must be exactly one SELECT`;
  if (error !== false)
    throw error_type === 'parser'
      ? storageError('QUERY_FAILED', `${must}: ${error_message}`)
      : storageError('NOT_ONE_SELECT', `${must}, and is another statement.`);
  if (statements.length !== 1) throw storageError('NOT_ONE_SELECT', `${must}, not ${statements.length} statements.`);
  assertWithinReach(statements, of, { folders, relations: await relationsOf(connection) });
}

async function relationsOf(connection: DuckDBConnection): Promise<Set<string>> {
  const reader = await connection.runAndReadAll(
    `SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal
     UNION ALL SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT internal`,
  );
  return new Set(reader.getRowsJS().map(([name]) => foldName(String(name))));
}
