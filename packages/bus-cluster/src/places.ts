import { randomBytes } from 'node:crypto';
import type { JournalRow } from '@quantbot/bus-format/journal';
import { forgottenAmong, turnsAmong } from './forgotten.js';
import type { Queries } from './postgres/postgres.js';

/** The key of an object of the store. It has a mark if it is not the first one of its artifact. */
export const storeKey = /^store\/([^/]+)\/([^/]+)\/([^/@]+)@([^/@]+)\.[0-9a-f]{16}(?:~[0-9a-f]{16})?\.parquet$/;

/**
 * Returns another key for the bytes of an artifact. It was never used before, and no producer can
 * guess it.
 */
export const freshPlace = (place: string): string =>
  firstPlace(place).replace(/\.parquet$/, `~${randomBytes(8).toString('hex')}.parquet`);

/** Returns the key under which producers store these bytes. */
export const firstPlace = (place: string): string => place.replace(/~[0-9a-f]{16}\.parquet$/, '.parquet');

/** What may be removed at any time: see {@link condemnedAmong}. */
export interface Condemned {
  /** Objects that rows of forgetting up to this job name. */
  condemned: number;
  /** Whether there are objects without a row of the journal. */
  hasOrphans: boolean;
}

/** Asks for {@link Condemned}. */
export const condemnedQuery = 'SELECT condemned, EXISTS (SELECT FROM bus.condemned) AS "hasOrphans" FROM bus.removal';

/**
 * Returns the objects that may be removed at any time, of these objects and of those of forgotten
 * artifacts.
 *
 * @param condemned as a transaction sees it that has locked `bus.head`. Otherwise there may be more
 * at once.
 * @param of.objects those that a commit may name.
 * @param of.forgotten keys of forgotten artifacts that it may bring back.
 */
export async function condemnedAmong(
  queries: Queries,
  { condemned, hasOrphans }: Condemned,
  { objects, forgotten }: { objects: readonly string[]; forgotten: readonly string[] },
): Promise<Set<string>> {
  const gone = forgotten.length === 0 ? [] : [...(await forgottenAmong(queries, forgotten)).values()];
  const byForgetting = gone.filter(({ seq }) => seq <= condemned).map(({ relPath }) => relPath);
  if (!hasOrphans) return new Set(byForgetting);
  const orphans = await queries.query<{ object: string }>(
    'SELECT object FROM bus.condemned WHERE object = ANY (ARRAY (SELECT json_array_elements_text($1)))',
    [JSON.stringify([...objects, ...gone.map(({ relPath }) => relPath)])],
  );
  return new Set([...byForgetting, ...orphans.map(({ object }) => object)]);
}

/**
 * Returns rows of the journal with the present places of their artifacts. An artifact that was
 * forgotten and restored may have another place than its first row says.
 */
export async function atTheirPlaces<Row extends Pick<JournalRow, 'artifact_key' | 'rel_path' | 'status'>>(
  queries: Queries,
  rows: readonly Row[],
): Promise<Row[]> {
  const keys = rows.flatMap(({ status, artifact_key }) => (status === 'ingested' ? (artifact_key ?? []) : []));
  const turns = keys.length === 0 ? new Map() : await turnsAmong(queries, keys);
  return rows.map(row => {
    const turn = row.status === 'ingested' ? turns.get(row.artifact_key ?? '') : undefined;
    return turn === undefined ? row : { ...row, rel_path: turn.relPath };
  });
}

/** What the journal says of a stored artifact. */
export type StoredRow = Pick<
  JournalRow,
  'artifact_key' | 'bytes' | 'ordinal' | 'rel_path' | 'seq' | 'sha256' | 'status'
>;

/**
 * Returns the artifacts that these objects may be of, with their present places. An object's key
 * contains its artifact's key.
 */
export async function artifactsOfObjects(queries: Queries, objects: readonly string[]): Promise<StoredRow[]> {
  const artifactKeys = objects.flatMap(object => {
    const [, producer, kind, run, artifact] = storeKey.exec(object) ?? [];
    return artifact === undefined ? [] : [`${run}/${producer}/${kind}/${artifact}`];
  });
  const rows = await queries.query<StoredRow & Record<string, unknown>>(
    `SELECT artifact_key, bytes, ordinal, rel_path, seq, sha256, status FROM bus.journal
     WHERE status = 'ingested' AND artifact_key = ANY($1)`,
    [artifactKeys],
  );
  return atTheirPlaces(queries, rows);
}
