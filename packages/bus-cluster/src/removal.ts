import { faultPoint } from '@quantbot/infra/files';
import type { Objects } from '@quantbot/infra/objects';
import { type Turn, turnsAmong } from './forgotten.js';
import { firstPlace } from './places.js';
import type { Postgres, Queries } from './postgres/postgres.js';

/** Artifacts that are condemned while commits wait. */
const condemnedAtOnce = 500;
/** Objects that are removed by one call. */
const removedAtOnce = 100;

/** What is to be removed of forgotten artifacts. */
export interface Removal {
  /** Turns whose grace period has passed, in order. */
  due: Turn[];
  /** Everything up to this job is removed, once the due ones are. */
  upTo: number;
}

/**
 * Finds the artifacts whose bytes are to be removed.
 *
 * @param options.upTo readers see the jobs up to this one.
 * @returns undefined if nothing was forgotten since.
 */
export async function nextRemoval(
  queries: Queries,
  { upTo, graceMs, limit = 10_000 }: { upTo: number; graceMs: number; limit?: number },
): Promise<Removal | undefined> {
  const [removed] = await queries.query<{ seq: number }>('SELECT seq FROM bus.removal');
  const after = removed?.seq ?? 0;
  const turns = await queries.query<Turn & { isDue: boolean } & Record<string, unknown>>(
    `SELECT artifact_key AS key, seq, status, rel_path AS "relPath",
       committed_at <= (now() AT TIME ZONE 'UTC') - $3 * interval '1 millisecond' AS "isDue"
     FROM bus.journal WHERE (status IN ('forgotten', 'erased') OR (status = 'restored' AND rel_path LIKE '%~%'))
       AND seq > $1 AND seq <= $2 ORDER BY seq LIMIT $4`,
    [after, upTo, graceMs, limit],
  );
  if (turns.length === 0) return undefined;
  const waitsFrom = turns.find(({ isDue }) => !isDue)?.seq;
  const end = turns.length < limit ? upTo : (turns.at(-1)?.seq ?? 1) - 1;
  return {
    due: turns.filter(({ isDue, seq }) => isDue && seq <= end),
    upTo: waitsFrom === undefined ? end : waitsFrom - 1,
  };
}

/**
 * Condemns the objects of forgotten artifacts: from now on they may be removed at any time, and no
 * commit names them again. So neither a slow store nor a daemon that wakes up late can remove the
 * object of an artifact that was restored meanwhile.
 *
 * @param turns in the order of `seq`.
 * @returns the keys of the objects. One that a job has brought back before is not among them.
 */
export async function condemn(postgres: Postgres, turns: readonly Turn[]): Promise<string[]> {
  const condemned = new Set<string>();
  for (let at = 0; at < turns.length; at += condemnedAtOnce) {
    const due = turns.slice(at, at + condemnedAtOnce);
    await postgres.transaction(async queries => {
      await queries.query('SELECT seq FROM bus.head FOR UPDATE');
      const last = await turnsAmong(
        queries,
        due.map(({ key }) => key),
      );
      for (const { key, seq, status, relPath } of due) {
        const now = last.get(key);
        // One that was forgotten once more waits for its own grace.
        const isForgotten = now?.status !== 'restored' && now?.seq === seq;
        // Each submission of an artifact creates its first object, if it is not there.
        for (const object of [firstPlace(relPath), ...(status === 'restored' ? [] : [relPath])])
          if (isForgotten || now?.relPath !== object) condemned.add(object);
      }
      await noteCondemned(queries, due.at(-1)?.seq ?? 0);
    });
  }
  faultPoint('forget:condemned');
  return [...condemned];
}

/** Removes objects that {@link condemn} has returned. */
export async function removeCondemned(objects: Pick<Objects, 'remove'>, keys: readonly string[]): Promise<void> {
  for (let at = 0; at < keys.length; at += removedAtOnce) {
    await objects.remove(keys.slice(at, at + removedAtOnce));
    faultPoint('forget:objects-removed');
  }
}

/** Notes that the objects which rows of forgetting up to a job name may be removed at any time. */
export async function noteCondemned(queries: Queries, upTo: number): Promise<void> {
  await queries.query('UPDATE bus.removal SET condemned = greatest(condemned, $1)', [upTo]);
}

/** Notes that the bytes of what was forgotten up to a job are removed. */
export async function noteRemoved(queries: Queries, upTo: number): Promise<void> {
  await queries.query('UPDATE bus.removal SET seq = greatest(seq, $1)', [upTo]);
}
