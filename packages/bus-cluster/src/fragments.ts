import type { Fragment } from './fragment.js';
import type { Queries } from './postgres/postgres.js';
import { isTableOperation } from './table-operations.js';
import { channel } from './write-jobs.js';

/** A written fragment. */
export interface WrittenFragment extends Fragment {
  /** Its key in the object store. */
  object: string;
  rows: number;
}

const columns =
  'first_seq AS "firstSeq", last_seq AS "lastSeq", table_name AS "table", restores, restores_to AS "restoresTo"';

/** Returns fragments that are missing this long after their commit: their daemon may be gone. */
export const missingFragments = (queries: Queries, olderThanS: number, limit = 100): Promise<Fragment[]> =>
  queries.query<Fragment & Record<string, unknown>>(
    `SELECT ${columns} FROM bus.fragments WHERE object IS NULL AND committed_at < now() - make_interval(secs => $1) ORDER BY last_seq LIMIT $2`,
    [olderThanS, limit],
  );

/** Returns the fragments of a commit that bring rows back, and are not written yet. */
export const restoringFragments = (queries: Queries, lastSeq: number): Promise<Fragment[]> =>
  queries.query<Fragment & Record<string, unknown>>(
    `SELECT ${columns} FROM bus.fragments WHERE object IS NULL AND restores > 0 AND last_seq = $1`,
    [lastSeq],
  );

/** Returns the fragments of commits with `after < seq <= upTo`. */
export const fragmentsBetween = (queries: Queries, after: number, upTo: number): Promise<WrittenFragment[]> =>
  queries.query<WrittenFragment & Record<string, unknown>>(
    `SELECT ${columns}, object, rows FROM bus.fragments WHERE first_seq > $1 AND last_seq <= $2 ORDER BY last_seq, table_name`,
    [after, upTo],
  );

/**
 * Records a written fragment.
 *
 * @returns false if another daemon was faster. The file of this call is then not used.
 */
export async function noteFragment(queries: Queries, { lastSeq, table, restores, object, rows }: WrittenFragment) {
  const noted = await queries.query(
    `UPDATE bus.fragments SET object = $4, rows = $5
     WHERE last_seq = $1 AND table_name = $2 AND restores = $3 AND object IS NULL RETURNING true`,
    [lastSeq, table, restores, object, rows],
  );
  if (noted.length > 0) await queries.query(`SELECT pg_notify('${channel}', 'fragment')`);
  return noted.length > 0;
}

/** Returns the written fragments of commits after a seq, oldest first. */
export const fragmentsAfter = (queries: Queries, after: number, limit: number): Promise<WrittenFragment[]> =>
  queries.query<WrittenFragment & Record<string, unknown>>(
    `SELECT ${columns}, object, rows FROM bus.fragments WHERE object IS NOT NULL AND last_seq > $1 ORDER BY last_seq, table_name LIMIT $2`,
    [after, limit],
  );

/** Records that the object of a fragment is gone. The fragment counts as missing again. */
export async function noteLostFragment(
  queries: Queries,
  { lastSeq, table, restores, object }: WrittenFragment,
): Promise<void> {
  await queries.query(
    'UPDATE bus.fragments SET object = NULL, rows = NULL WHERE last_seq = $1 AND table_name = $2 AND restores = $3 AND object = $4',
    [lastSeq, table, restores, object],
  );
}

/**
 * Returns the last seq that can be published next. It ends a commit, or is in one without
 * fragments, and all fragments up to it are written. A commit that changes a canonical table comes
 * alone, because each fragment has the types that its table had after its own commit. So does an
 * operation on a table. If one job brings rows of an artifact and another one takes them out, the
 * later one comes in another turn, because rows leave before new ones come.
 *
 * @param limit about how many jobs at once.
 */
export async function publishable(queries: Queries, after: number, limit: number): Promise<number> {
  const [row] = await queries.query<{ up_to: number }>(
    `WITH complete AS (
       SELECT coalesce((SELECT min(first_seq) - 1 FROM bus.fragments WHERE object IS NULL AND last_seq > $1), (SELECT seq FROM bus.head)) AS seq),
     limited AS (
       SELECT CASE WHEN seq <= $1 + $2 THEN seq
         ELSE coalesce((SELECT CASE WHEN first_seq <= $1 + $2 THEN last_seq END FROM bus.fragments WHERE last_seq > $1 + $2 AND last_seq <= seq
           ORDER BY last_seq LIMIT 1), $1 + $2) END AS seq FROM complete),
     changing AS (
       SELECT f.first_seq, f.last_seq FROM bus.fragments f
       WHERE f.last_seq >= (SELECT min(seq) FROM bus.schemas WHERE seq > $1) ORDER BY f.last_seq LIMIT 1),
     alone AS (SELECT min(seq) AS job FROM bus.journal WHERE ${isTableOperation} AND seq > $1),
     erased AS MATERIALIZED (
       SELECT artifact_key, j.seq FROM bus.journal j, limited WHERE status = 'erased' AND j.seq > $1 AND j.seq <= limited.seq),
     opposed AS (SELECT min(greatest(erased.seq, brought.seq)) AS job FROM erased, limited, LATERAL (
       ${broughtAfter("status = 'ingested'")} UNION ALL ${broughtAfter("status IN ('forgotten', 'erased', 'restored') AND status = 'restored'")}) brought
       WHERE brought.seq <= limited.seq)
     SELECT least(CASE WHEN changing.first_seq > $1 + 1 THEN least(seq, changing.first_seq - 1) ELSE least(seq, changing.last_seq) END,
       CASE WHEN alone.job > $1 + 1 THEN alone.job - 1 ELSE alone.job END,
       (SELECT least(first_seq, opposed.job) - 1 FROM bus.fragments WHERE last_seq >= opposed.job ORDER BY last_seq LIMIT 1),
       opposed.job - 1) AS up_to
     FROM limited LEFT JOIN changing ON true CROSS JOIN alone CROSS JOIN opposed`,
    [after, limit],
  );
  return (row as { up_to: number }).up_to;
}

/** Jobs that have brought rows of an erased artifact. Each condition has an index of its own. */
const broughtAfter = (status: string): string =>
  `SELECT seq FROM bus.journal WHERE artifact_key = erased.artifact_key AND seq > $1 AND ${status}`;
