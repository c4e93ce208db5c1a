import type { FoundTable } from '../journal/table-operations.js';
import { literal } from '../sql.js';

/** A canonical table for `catalog.tables_d` and `catalog.columns_d`. */
export type ListedTable = { name: string } & Omit<FoundTable, 'after'> & { after?: number };

/** Returns the SELECT of `catalog.tables_d`. */
export const tablesQuery = (tables: readonly ListedTable[]): string =>
  `SELECT t.table_name, t.mode, t.key, t.order_by, count(a.seq) AS artifacts, CAST(coalesce(sum(a.rows), 0) AS BIGINT) AS artifact_rows,
  max(a.seq) AS last_seq, max(a.committed_at) AS last_committed_at
FROM (${constantTables(tables)}) t LEFT JOIN catalog.artifacts_f a ON lower(a.schema_hint) = 'canon.' || t.table_name AND a.seq > t.after_seq
GROUP BY ALL`;

/** Returns one row per canonical table: its mode, key and order, and the drop of an older one. */
const constantTables = (tables: readonly ListedTable[]): string =>
  constantRows(
    tables.map(({ name, mode, key, orderBy, after = 0 }) => ({
      table_name: name,
      mode,
      key,
      order_by: orderBy,
      after_seq: after,
    })),
    { table_name: 'VARCHAR', mode: 'VARCHAR', key: 'VARCHAR[]', order_by: 'VARCHAR[]', after_seq: 'BIGINT' },
  );

/** Returns the SELECT of `catalog.columns_d`: one row per column of a canonical table. */
export const columnsQuery = (tables: readonly ListedTable[]): string =>
  constantRows(
    tables.flatMap(table =>
      table.columns.map(({ name, type, required, fixedBy, unnamed }, index) => ({
        table_name: table.name,
        position: index + 1,
        column_name: name,
        type,
        required,
        fixed_by: fixedBy,
        unnamed: unnamed ?? false,
      })),
    ),
    {
      table_name: 'VARCHAR',
      position: 'BIGINT',
      column_name: 'VARCHAR',
      type: 'VARCHAR',
      required: 'BOOLEAN',
      fixed_by: 'VARCHAR',
      unnamed: 'BOOLEAN',
    },
  );

/**
 * Returns a SELECT of zero or more constant rows with these columns. They are one JSON text,
 * because DuckDB parses thousands of rows of SQL far more slowly.
 */
function constantRows<Column extends string>(
  rows: readonly Readonly<Record<Column, unknown>>[],
  columns: Readonly<Record<Column, string>>,
): string {
  const type = `[${JSON.stringify(columns)}]`;
  return `SELECT unnest(from_json(${literal(JSON.stringify(rows))}, ${literal(type)}), max_depth := 2)`;
}
