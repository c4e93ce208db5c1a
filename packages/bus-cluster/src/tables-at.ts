import { TableRegistry, tableStarts } from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import type { DeclaredTable } from '@quantbot/infra/config';
import { keysWithRowsOnly } from './forgotten.js';
import { schemasBetween } from './journal.js';
import type { Queries } from './postgres/postgres.js';
import { rowFrom } from './row-from.js';
import { tableOperationsBetween } from './table-operations.js';

/**
 * Returns the canonical tables as they were after a job.
 *
 * @throws BusError `CONFIG_INVALID` if the declared tables do not fit.
 */
export async function tablesAt(
  queries: Queries,
  seq: number,
  declared: readonly DeclaredTable[],
): Promise<TableRegistry> {
  const starts = tableStarts(await tableOperationsBetween(queries, 0, seq));
  return TableRegistry.replay(await schemasBetween(queries, 0, seq), declared, { starts });
}

/**
 * Returns the rows of forgotten artifacts whose rows a canonical table has, but no stored object.
 */
export async function forgottenRowsOf(queries: Queries, table: string): Promise<JournalRow[]> {
  const keys = await keysWithRowsOnly(queries, table);
  if (keys.length === 0) return [];
  const rows = await queries.query(
    `SELECT * FROM bus.journal WHERE status = 'ingested' AND artifact_key = ANY($1) ORDER BY seq, ordinal`,
    [keys],
  );
  return rows.map(rowFrom);
}
