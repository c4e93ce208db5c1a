import type { HintRange } from '../journal/table-names.js';
import type { FoundTable } from '../journal/table-operations.js';
import { literal } from '../sql.js';

/** A canonical table for `catalog.tables_d` and `catalog.columns_d`. */
export type ListedTable = {
  /** Its name for readers. */
  name: string;
  /** The hints of its artifacts. By default, its name. */
  hints?: readonly HintRange[];
} & Omit<FoundTable, 'after'> & { after?: number };

/** Returns the SELECT of `catalog.tables_d`. */
export const tablesQuery = (tables: readonly ListedTable[]): string =>
  `SELECT t.table_name, t.mode, t.key, t.order_by, count(a.seq) AS artifacts, CAST(coalesce(sum(a.rows), 0) AS BIGINT) AS artifact_rows,
  max(a.seq) AS last_seq, max(a.committed_at) AS last_committed_at
FROM (${constantTables(tables)}) t LEFT JOIN catalog.artifacts_f a ON lower(a.schema_hint) = t.hint AND a.seq > t.after_seq AND a.seq <= t.up_to_seq
GROUP BY t.table_name, t.mode, t.key, t.order_by`;

/**
 * Returns one row per canonical table and hint: its mode, key and order, and the jobs after which
 * and up to which artifacts with the hint are in it.
 */
const constantTables = (tables: readonly ListedTable[]): string =>
  constantRows(
    tables.flatMap(({ name, mode, key, orderBy, after = 0, hints = [anyTime(name)] }) =>
      hints.map(range => ({
        table_name: name,
        mode,
        key,
        order_by: orderBy,
        hint: range.hint,
        after_seq: Math.max(after, range.after),
        up_to_seq: range.upTo,
      })),
    ),
    {
      table_name: 'VARCHAR',
      mode: 'VARCHAR',
      key: 'VARCHAR[]',
      order_by: 'VARCHAR[]',
      hint: 'VARCHAR',
      after_seq: 'BIGINT',
      up_to_seq: 'BIGINT',
    },
  );

const anyTime = (name: string): HintRange => ({ hint: `canon.${name}`, after: 0, upTo: Number.MAX_SAFE_INTEGER });

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
