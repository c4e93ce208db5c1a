import {
  type CanonTable,
  type FirstOfSchema,
  type RegisteredArtifact,
  type Retype,
  retypesAmong,
  TableRegistry,
} from '@quantbot/bus-format/canon';
import { isOfTable, type JournalRow } from '@quantbot/bus-format/journal';
import type { DeclaredTable } from '@quantbot/infra/config';
import { forgottenAmong, keysWithRowsOnly } from './forgotten.js';
import { schemasBetween, timesOfSchemas } from './journal.js';
import { atTheirPlaces } from './places.js';
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

/** Returns the operations that have set types of the tables as they are now, oldest first. */
export async function datedRetypes(queries: Queries): Promise<Retype[]> {
  const own = retypesAmong((await operatedTables(queries)).operations);
  if (own.length === 0) return [];
  const times = await queries.query<{ seq: number; at: number }>(
    `SELECT seq, CAST(extract(epoch FROM committed_at) * 1000 AS bigint) AS at
     FROM bus.journal WHERE seq = ANY($1) AND ordinal = 0`,
    [own.map(({ seq }) => seq)],
  );
  const at = new Map(times.map(row => [row.seq, row.at]));
  return own.map(operation => ({ ...operation, committedAtMs: at.get(operation.seq) ?? 0 }));
}

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

/** An artifact of a canonical table, and its object. */
export interface StoredArtifact {
  artifact: string;
  relPath: string;
  rows: number;
  bytes: number;
  /** Its object may be gone. Then only the table has its rows. */
  isForgotten: boolean;
}

/**
 * Returns the artifacts whose rows a canonical table has, in order.
 *
 * @param isAsked leaves out the others, by their keys.
 */
export async function artifactsOfTable(
  queries: Queries,
  { name, after = 0 }: Pick<CanonTable, 'name' | 'after'>,
  isAsked: (artifact: string) => boolean,
): Promise<StoredArtifact[]> {
  const { names } = await operatedTables(queries);
  const rows = await queries.query<Row & Record<string, unknown>>(
    `SELECT artifact_key, rel_path, status, rows, bytes FROM bus.journal
     WHERE ${isOfTable(name, names)} AND seq > $1 ORDER BY seq, ordinal`,
    [after],
  );
  const asked = rows.filter(({ artifact_key }) => isAsked(artifact_key ?? ''));
  const keys = asked.map(({ artifact_key }) => artifact_key ?? '');
  const gone = keys.length === 0 ? new Map() : await forgottenAmong(queries, keys);
  const there = asked.filter(({ artifact_key }) => gone.get(artifact_key ?? '')?.status !== 'erased');
  return (await atTheirPlaces(queries, there)).map(({ artifact_key, rel_path, rows, bytes }) => ({
    artifact: artifact_key ?? '',
    relPath: rel_path ?? '',
    rows: rows ?? 0,
    bytes: bytes ?? 0,
    isForgotten: gone.has(artifact_key ?? ''),
  }));
}

/** Counts the artifacts whose rows a canonical table has, whatever its mode shows. */
export async function countArtifactsOf(
  queries: Queries,
  { name, after = 0 }: Pick<CanonTable, 'name' | 'after'>,
): Promise<{ artifacts: number; rows: number }> {
  const { names } = await operatedTables(queries);
  const [counted] = await queries.query<{ artifacts: number; rows: number }>(
    `SELECT count(*) AS artifacts, coalesce(sum(rows), 0)::bigint AS rows FROM bus.journal
     WHERE ${isOfTable(name, names)} AND seq > $1
       AND artifact_key NOT IN (SELECT artifact_key FROM bus.forgotten WHERE status = 'erased')`,
    [after],
  );
  return counted ?? { artifacts: 0, rows: 0 };
}

type Row = Pick<JournalRow, 'artifact_key' | 'rel_path' | 'status' | 'rows' | 'bytes'>;
