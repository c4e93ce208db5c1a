import { faultPoint } from '@quantbot/infra/files';
import type { Objects } from '@quantbot/infra/objects';
import { type ForgottenArtifact, forgottenAmong } from './forgotten.js';
import type { Postgres, Queries } from './postgres/postgres.js';

/** Objects that are removed while commits wait. */
const removedAtOnce = 100;

/** What is to be removed of forgotten artifacts. */
export interface Removal {
  /** Artifacts whose grace period has passed. */
  due: ForgottenArtifact[];
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
  const turns = await queries.query<ForgottenArtifact & { isDue: boolean } & Record<string, unknown>>(
    `SELECT artifact_key AS key, seq, status, rel_path AS "relPath",
       committed_at <= (now() AT TIME ZONE 'UTC') - $3 * interval '1 millisecond' AS "isDue"
     FROM bus.journal WHERE status IN ('forgotten', 'erased') AND seq > $1 AND seq <= $2 ORDER BY seq LIMIT $4`,
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
 * Removes the objects of forgotten artifacts. The lock on `bus.head` keeps jobs from restoring an
 * artifact between the look and the removal.
 *
 * @returns the number of objects that were asked to be removed.
 */
export async function removeForgotten(
  postgres: Postgres,
  objects: Pick<Objects, 'remove'>,
  artifacts: readonly Pick<ForgottenArtifact, 'key' | 'seq'>[],
): Promise<number> {
  let removed = 0;
  for (let at = 0; at < artifacts.length; at += removedAtOnce) {
    const due = new Map(artifacts.slice(at, at + removedAtOnce).map(({ key, seq }) => [key, seq]));
    await postgres.transaction(async queries => {
      await queries.query('SELECT seq FROM bus.head FOR UPDATE');
      const found = [...(await forgottenAmong(queries, [...due.keys()])).values()];
      // One that was restored and forgotten once more waits for its own grace.
      const gone = found.filter(({ key, seq }) => due.get(key) === seq).map(({ relPath }) => relPath);
      if (gone.length > 0) await objects.remove(gone);
      removed += gone.length;
    });
    faultPoint('forget:objects-removed');
  }
  return removed;
}

/** Notes that the bytes of what was forgotten up to a job are removed. */
export async function noteRemoved(queries: Queries, upTo: number): Promise<void> {
  await queries.query('UPDATE bus.removal SET seq = greatest(seq, $1)', [upTo]);
}
