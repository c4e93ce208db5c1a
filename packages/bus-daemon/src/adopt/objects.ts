import type { DuckDBConnection } from '@duckdb/node-api';
import { query } from '../duckdb.js';

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

/** Something that a database of views has no place for. */
export interface LostObject {
  kind: string;
  name: string;
  definition: string;
}

const ours = `NOT internal AND database_name = current_database()`;

/** The tables, by schema and name. */
export const listTables = (connection: DuckDBConnection): Promise<OldTable[]> =>
  query<OldTable & Record<string, never>>(
    connection,
    `SELECT schema_name AS schema, table_name AS "table" FROM duckdb_tables() WHERE ${ours} AND NOT temporary ORDER BY ALL`,
  );

/** The views, by schema and name. */
export async function listViews(connection: DuckDBConnection): Promise<OldView[]> {
  const views = await query<{ schema: string; view: string; sql: string }>(
    connection,
    `SELECT schema_name AS schema, view_name AS "view", sql FROM duckdb_views() WHERE ${ours} AND NOT temporary ORDER BY ALL`,
  );
  return views.map(({ schema, view, sql }) => ({ schema, view, sql: selectOfView(sql) }));
}

const name = `(?:"(?:[^"]|"")*"|[^\\s".()]+)`;
const viewHead = new RegExp(`^CREATE VIEW ${name}(?:\\.${name})*\\s*(\\((?:"(?:[^"]|"")*"|[^")])*\\))?\\s*AS\\s+`, 'i');

/** The SELECT of a CREATE VIEW as DuckDB writes it. */
export function selectOfView(create: string): string {
  const [head = '', columns] = viewHead.exec(create) ?? [];
  const select = create.slice(head.length).replace(/;\s*$/, '');
  return columns === undefined ? select : `SELECT * FROM (${select}) AS old_view${columns}`;
}

/** What a database of views cannot have: indexes, constraints, defaults, sequences, macros, types. */
export const listLost = (connection: DuckDBConnection): Promise<LostObject[]> =>
  query<LostObject & Record<string, never>>(
    connection,
    `SELECT * FROM (
       SELECT 'index' AS kind, schema_name || '.' || index_name AS name, coalesce(sql, '') AS definition FROM duckdb_indexes()
       WHERE database_name = current_database()
       UNION ALL SELECT 'constraint', schema_name || '.' || table_name, constraint_text FROM duckdb_constraints()
       WHERE database_name = current_database()
       UNION ALL SELECT 'default', schema_name || '.' || table_name || '.' || column_name, column_default FROM duckdb_columns()
       WHERE ${ours} AND column_default IS NOT NULL
       UNION ALL SELECT 'sequence', schema_name || '.' || sequence_name, sql FROM duckdb_sequences()
       WHERE database_name = current_database()
       UNION ALL SELECT replace(function_type, '_', ' '), schema_name || '.' || function_name, coalesce(macro_definition, '') FROM duckdb_functions()
       WHERE ${ours}
       UNION ALL SELECT 'type', schema_name || '.' || type_name, logical_type FROM duckdb_types() WHERE ${ours}
     ) ORDER BY ALL`,
  );
