import type { DuckDBConnection } from '@duckdb/node-api';
import type { bindParams } from '../duckdb/bind.js';
import { withoutSemicolon } from './stream-select.js';

/** The parameters of a query, bound. */
export type Bound = ReturnType<typeof bindParams> | undefined;

/**
 * Returns the names of a SELECT's columns. A subquery would change those that repeat, and a
 * statement that is only prepared has none if a parameter decides a type.
 */
export async function namesOf(connection: DuckDBConnection, sql: string, bound: Bound): Promise<string[]> {
  const described = `SELECT column_name FROM (DESCRIBE (\n${withoutSemicolon(sql)}\n))`;
  const found = await connection.runAndReadAll(described, bound?.values, bound?.types);
  return found.getRowsJS().map(([name]) => String(name));
}
