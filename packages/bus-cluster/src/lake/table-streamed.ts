import { type CanonTable, rowsInOneScan, type StreamedRows, shownStreamed } from '@quantbot/bus-format/canon';
import type { DeclaredTable } from '@quantbot/infra/config';
import type { Queries } from '../postgres/postgres.js';
import { tablesAt } from '../tables-at.js';
import { lakeTypes, newestSeqOf } from './tables.js';

/**
 * Returns the SELECT of a canonical table for an export whose rows are too large to be held or
 * sorted. The rows of a restored artifact come after those of the jobs beside it.
 *
 * @param name the first name of the table.
 * @param options.seq a published job. The lake must be the current database.
 * @param options.fromSeq leaves out the rows of earlier jobs, and of those after `seq`.
 */
export async function tableStreamed(
  queries: Queries,
  name: string,
  { seq, declared, fromSeq }: { seq: number; declared: readonly DeclaredTable[]; fromSeq?: number },
): Promise<StreamedRows> {
  const registry = await tablesAt(queries, seq, declared);
  const table = registry.get(name) as CanonTable;
  const all = rowsInOneScan(lakeTypes(table), await filesInOrder(queries, name), []);
  const newest = newestSeqOf(table, { names: registry.names, hasForgotten: true });
  const { setup, sql } = shownStreamed(table, all, newest);
  const some = fromSeq === undefined ? '' : ` WHERE _seq BETWEEN ${fromSeq} AND ${seq}`;
  return { setup, sql: `SELECT * EXCLUDE (_ordinal, _row) FROM (${sql})${some}` };
}

/** Returns the files that a table has in the lake, by their first jobs. */
async function filesInOrder(queries: Queries, table: string): Promise<string[]> {
  const files = await queries.query<{ path: string }>(
    `SELECT f.path FROM ducklake_data_file f
     JOIN ducklake_table t USING (table_id) JOIN ducklake_schema s USING (schema_id)
     JOIN ducklake_column c ON c.table_id = t.table_id AND c.column_name = '_seq' AND c.end_snapshot IS NULL
     JOIN ducklake_file_column_stats n ON n.data_file_id = f.data_file_id AND n.column_id = c.column_id
     WHERE s.schema_name = '_files' AND t.table_name = $1 AND f.end_snapshot IS NULL AND t.end_snapshot IS NULL
     ORDER BY CAST(n.min_value AS bigint)`,
    [table],
  );
  return files.map(({ path }) => path);
}
