import type { DuckDBConnection } from '@duckdb/node-api';
import { query } from '@quantbot/bus-format/duckdb';
import { ours } from './lost.js';

/** A table of an old database. */
export interface OldTable {
  schema: string;
  table: string;
}

/** A view of an old database. */
export interface OldView {
  schema: string;
  view: string;
  /** Its SELECT, with the names of its columns. */
  sql: string;
}

/** Lists the tables by schema and name. */
export const listTables = (connection: DuckDBConnection): Promise<OldTable[]> =>
  query<OldTable & Record<string, never>>(
    connection,
    `SELECT schema_name AS schema, table_name AS "table" FROM duckdb_tables() WHERE ${ours} AND NOT temporary ORDER BY ALL`,
  );

/** Lists the views by schema and name. */
export async function listViews(connection: DuckDBConnection): Promise<OldView[]> {
  const views = await query<{ schema: string; view: string; sql: string }>(
    connection,
    `SELECT schema_name AS schema, view_name AS "view", sql FROM duckdb_views() WHERE ${ours} AND NOT temporary ORDER BY ALL`,
  );
  return views.map(({ schema, view, sql }) => ({ schema, view, sql: selectOfView(sql) }));
}

const name = `(?:"(?:[^"]|"")*"|[^\\s".()]+)`;
const viewHead = new RegExp(`^CREATE VIEW ${name}(?:\\.${name})*\\s*(\\((?:"(?:[^"]|"")*"|[^")])*\\))?\\s*AS\\s+`, 'i');

/** Returns the SELECT in a CREATE VIEW statement that DuckDB wrote. */
export function selectOfView(create: string): string {
  const [head = '', columns] = viewHead.exec(create) ?? [];
  const select = create.slice(head.length).replace(/;\s*$/, '');
  return columns === undefined ? select : `SELECT * FROM (${select}) AS old_view${columns}`;
}
