import { type CanonTable, rowsInOneScan, type StreamedRows, shownStreamed } from '@quantbot/bus-format/canon';
import type { DeclaredTable } from '@quantbot/infra/config';
import type { Queries } from '../postgres/postgres.js';
import { tablesAt } from '../tables-at.js';
import { filesWithJobs } from './lake-files.js';
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
    `SELECT path FROM (${filesWithJobs()}) files WHERE "table" = $1 ORDER BY first_seq`,
    [table],
  );
  return files.map(({ path }) => path);
}
