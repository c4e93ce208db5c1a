import type { DuckDBConnection } from '@duckdb/node-api';
import { query } from '../duckdb.js';
import { literal } from '../sql.js';

/** DuckDB serialises SELECT statements only, so whatever it can serialise as exactly one statement is exactly one SELECT. */
export async function assertOneSelect(connection: DuckDBConnection, sql: string, of: string): Promise<void> {
  const [row] = await query<{ parsed: string }>(connection, `SELECT json_serialize_sql(${literal(sql)}) AS parsed`);
  const parsed = JSON.parse(row?.parsed ?? '{}') as { error?: boolean; error_message?: string; statements?: unknown[] };
  if (parsed.error !== false)
    throw new Error(`The SQL of ${of} must be exactly one SELECT: ${parsed.error_message ?? 'it is something else'}`);
  if (parsed.statements?.length !== 1)
    throw new Error(`The SQL of ${of} must be exactly one SELECT, not ${parsed.statements?.length ?? 0} statements.`);
}
