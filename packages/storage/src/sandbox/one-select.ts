import type { DuckDBConnection } from '@duckdb/node-api';
import { storageError } from '../errors.js';
import { literal } from '../sql.js';

interface Parsed {
  error?: boolean;
  error_type?: string;
  error_message?: string;
  statements?: unknown[];
}

/**
 * DuckDB serialises SELECT statements only, so whatever it can serialise as exactly one statement is exactly one SELECT.
 *
 * @param of whose SQL it is, for the error.
 * @throws StorageError `NOT_ONE_SELECT`, `QUERY_FAILED` for what is no SQL.
 */
export async function assertOneSelect(connection: DuckDBConnection, sql: string, of: string): Promise<void> {
  const reader = await connection.runAndReadAll(`SELECT json_serialize_sql(${literal(sql)}) AS parsed`);
  const parsed = JSON.parse(String(reader.getRowsJS()[0]?.[0] ?? '{}')) as Parsed;
  const { error, error_type, error_message = 'it is something else', statements = [] } = parsed;
  const must = `The SQL of ${of} must be exactly one SELECT`;
  if (error !== false)
    throw storageError(error_type === 'parser' ? 'QUERY_FAILED' : 'NOT_ONE_SELECT', `${must}: ${error_message}`);
  if (statements.length !== 1) throw storageError('NOT_ONE_SELECT', `${must}, not ${statements.length} statements.`);
}
