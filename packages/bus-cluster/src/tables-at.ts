import { type FirstOfSchema, type RegisteredArtifact, TableRegistry } from '@quantbot/bus-format/canon';
import type { JournalRow } from '@quantbot/bus-format/journal';
import type { DeclaredTable } from '@quantbot/infra/config';
import { keysWithRowsOnly } from './forgotten.js';
import { schemasBetween, timesOfSchemas } from './journal.js';
import type { Queries } from './postgres/postgres.js';
import { rowFrom } from './row-from.js';
import { type OperatedTables, operatedTables } from './table-operations.js';

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
  const operated = await operatedTables(queries, seq);
  return TableRegistry.replay(placed(await schemasBetween(queries, 0, seq), operated), declared, operated);
}

/**
 * Returns the schemas of tables as operations have made them, each with its table. Leaves out those
 * of tables that were dropped since.
 */
export const placed = <Schema extends RegisteredArtifact>(
  schemas: readonly Schema[],
  operated: OperatedTables,
): (Schema & { table: string })[] =>
  schemas.flatMap(schema => {
    const table = operated.tableOf(schema.schemaHint, schema.seq);
    return table === undefined ? [] : [{ ...schema, table }];
  });

/** Returns each schema of the canonical tables, in order, with the time of its first artifact. */
export async function datedSchemas(queries: Queries): Promise<FirstOfSchema[]> {
  const timeOf = await timesOfSchemas(queries);
  const schemas = await schemasBetween(queries, 0, Number.MAX_SAFE_INTEGER);
  return placed(schemas, await operatedTables(queries)).map(schema => ({
    ...schema,
    firstSeq: schema.seq,
    firstCommittedAtMs: timeOf.get(schema.seq) ?? 0,
  }));
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
