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

/**
 * Returns those of these forgotten artifacts whose objects may be removed at any time. Call it in a
 * transaction that has locked `bus.head`: otherwise there may be more at once.
 */
export async function condemnedAmong(queries: Queries, keys: readonly string[]): Promise<Set<string>> {
  if (keys.length === 0) return new Set();
  const [removal] = await queries.query<{ condemned: number }>('SELECT condemned FROM bus.removal');
  const forgotten = [...(await forgottenAmong(queries, keys)).values()];
  return new Set(forgotten.filter(({ seq }) => seq <= (removal?.condemned ?? 0)).map(({ key }) => key));
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
