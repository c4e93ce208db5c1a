import type { DuckDBConnection } from '@duckdb/node-api';
import { storageError } from '../errors.js';
import { literal } from '../sql.js';
import { assertWithinReach } from './within-reach.js';

interface Parsed {
  error?: boolean;
  error_type?: string;
  error_message?: string;
  statements?: unknown[];
}

/**
 * Lets through exactly one SELECT that names no file outside of the folders. DuckDB serialises
 * SELECT statements only, so whatever it can serialise as exactly one statement is exactly one
 * SELECT.
 *
 * @param connection with all views that the SQL may name.
 * @param of whose SQL it is, for the error: "The query".
 * @param folders absolute paths, in which nobody but the daemon can put names.
 * @throws StorageError `NOT_ONE_SELECT`, `OUT_OF_REACH`, `QUERY_FAILED` for what is no SQL.
 */
export async function assertOneSelect(
  connection: DuckDBConnection,
  sql: string,
  of: string,
  folders: readonly string[],
): Promise<void> {
  const reader = await connection.runAndReadAll(`SELECT json_serialize_sql(${literal(sql)}) AS parsed`);
  const parsed = JSON.parse(String(reader.getRowsJS()[0]?.[0] ?? '{}')) as Parsed;
  const { error, error_type, error_message = 'it is something else', statements = [] } = parsed;
  const must = `${of} must be exactly one SELECT`;
  if (error !== false)
    throw storageError(error_type === 'parser' ? 'QUERY_FAILED' : 'NOT_ONE_SELECT', `${must}: ${error_message}`);
  if (statements.length !== 1) throw storageError('NOT_ONE_SELECT', `${must}, not ${statements.length} statements.`);
  assertWithinReach(statements, of, { folders, relations: await relationsOf(connection) });
}

async function relationsOf(connection: DuckDBConnection): Promise<Set<string>> {
  const reader = await connection.runAndReadAll(
    `SELECT lower(schema_name || '.' || view_name) FROM duckdb_views() WHERE NOT internal
     UNION ALL SELECT lower(schema_name || '.' || table_name) FROM duckdb_tables() WHERE NOT internal`,
  );
  return new Set(reader.getRowsJS().map(([name]) => String(name)));
}
