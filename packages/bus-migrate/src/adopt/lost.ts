import type { DuckDBConnection } from '@duckdb/node-api';
import { query } from '@quantbot/bus-format/duckdb';

/** An object that a database of views cannot have. */
export interface LostObject {
  kind: string;
  name: string;
  definition: string;
}

/** Limits a query to the open database, without DuckDB's internal objects. */
export const ours = `NOT internal AND database_name = current_database()`;
const here = 'database_name = current_database()';

/**
 * Lists what a database of views cannot have. A generated column keeps its values but is no longer
 * computed.
 */
const lostSql = `
  SELECT * FROM (
    SELECT 'index' AS kind, schema_name || '.' || index_name AS name, coalesce(sql, '') AS definition
    FROM duckdb_indexes() WHERE ${here}
    UNION ALL SELECT 'constraint', schema_name || '.' || table_name, constraint_text
    FROM duckdb_constraints() WHERE ${here}
    UNION ALL SELECT if(is_generated, 'generated column', 'default'), name, column_default FROM (
      SELECT c.schema_name || '.' || c.table_name || '.' || column_name AS name, column_default,
        contains(t.sql, '"' || replace(column_name, '"', '""') || '" ' || data_type || ' GENERATED ALWAYS AS')
        OR contains(t.sql, ' ' || column_name || ' ' || data_type || ' GENERATED ALWAYS AS')
        OR contains(t.sql, '(' || column_name || ' ' || data_type || ' GENERATED ALWAYS AS') AS is_generated
      FROM duckdb_columns() c JOIN duckdb_tables() t USING (database_oid, schema_oid, table_oid)
      WHERE NOT c.internal AND c.${here} AND column_default IS NOT NULL
    )
    UNION ALL SELECT 'sequence', schema_name || '.' || sequence_name,
sql FROM duckdb_sequences() WHERE ${here}
    UNION ALL SELECT replace(function_type, '_', ' '), schema_name || '.' || function_name,
      '(' || array_to_string(parameters, ', ') || ') AS ' || coalesce(macro_definition, '')
    FROM duckdb_functions() WHERE ${ours}
    UNION ALL SELECT 'type', schema_name || '.' || type_name,
      logical_type || coalesce('(''' || array_to_string([replace(l, '''', '''''') FOR l IN labels], ''', ''') || ''')', '')
    FROM duckdb_types() WHERE ${ours}
    UNION ALL SELECT 'empty schema', schema_name, '' FROM duckdb_schemas()
    WHERE ${ours} AND schema_name <> 'main' AND oid NOT IN (
      SELECT schema_oid FROM duckdb_tables() UNION ALL SELECT schema_oid FROM duckdb_views())
    UNION ALL SELECT 'comment on ' || what, name, comment FROM (
      SELECT 'table' AS what, schema_name || '.' || table_name AS name, comment FROM duckdb_tables() WHERE ${ours}
      UNION ALL SELECT 'column', schema_name || '.' || table_name || '.' || column_name, comment
      FROM duckdb_columns() WHERE ${ours}
      UNION ALL SELECT 'view', schema_name || '.' || view_name, comment FROM duckdb_views() WHERE ${ours}
      UNION ALL SELECT 'index', schema_name || '.' || index_name, comment FROM duckdb_indexes() WHERE ${here}
      UNION ALL SELECT 'sequence', schema_name || '.' || sequence_name, comment FROM duckdb_sequences() WHERE ${here}
      UNION ALL SELECT 'macro', schema_name || '.' || function_name, comment FROM duckdb_functions() WHERE ${ours}
      UNION ALL SELECT 'type', schema_name || '.' || type_name, comment FROM duckdb_types() WHERE ${ours}
    ) WHERE comment IS NOT NULL
  ) ORDER BY ALL`;

const name = `"(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_]*`;
const collated = new RegExp(`(${name}) VARCHAR COLLATE (${name}(?:\\.(?:${name}))*)`, 'g');

/** Lists what a database of views cannot have, by kind and name. */
export async function listLost(connection: DuckDBConnection): Promise<LostObject[]> {
  const lost = await query<LostObject & Record<string, never>>(connection, lostSql);
  const tables = await query<{ name: string; sql: string }>(
    connection,
    `SELECT schema_name || '.' || table_name AS name, sql FROM duckdb_tables() WHERE ${ours} ORDER BY ALL`,
  );
  const collations = tables.flatMap(table =>
    [...table.sql.matchAll(collated)].map(([, column = '', collation = '']) => ({
      kind: 'collation',
      name: `${table.name}.${column.replace(/^"|"$/g, '').replaceAll('""', '"')}`,
      definition: `COLLATE ${collation}`,
    })),
  );
  return [...collations, ...lost];
}
