import type { Queries } from './postgres/postgres.js';

/** Returns committed jobs up to a seq that have no receipt yet, oldest first. */
export async function unsettled(
  queries: Queries,
  upTo: number,
  { olderThanS = 0, limit = 1000 }: { olderThanS?: number; limit?: number } = {},
): Promise<{ seq: number; retryOf: number }[]> {
  return queries.query(
    `SELECT seq, retry_of AS "retryOf" FROM bus.jobs JOIN bus.journal USING (seq) WHERE NOT settled AND seq <= $1 AND ordinal = 0
     AND committed_at < (now() AT TIME ZONE 'UTC') - make_interval(secs => $2) ORDER BY seq LIMIT $3`,
    [upTo, olderThanS, limit],
  );
}

/** Returns the last job that has its outcome. Readers see all jobs up to it. */
export async function lastSettled(queries: Queries): Promise<number> {
  const [row] = await queries.query<{ seq: number }>(
    'SELECT seq FROM bus.jobs WHERE settled ORDER BY seq DESC LIMIT 1',
  );
  return row?.seq ?? 0;
}

/** Records that these jobs have their receipts, and that their inbox entries are gone. */
export async function noteSettled(queries: Queries, seqs: readonly number[]): Promise<void> {
  await queries.query('UPDATE bus.jobs SET settled = true WHERE seq = ANY($1)', [seqs]);
}

/** Makes the daemon that publishes write the outcomes of these jobs again. */
export async function noteUnsettled(queries: Queries, seqs: readonly number[]): Promise<void> {
  await queries.query('UPDATE bus.jobs SET settled = false WHERE seq = ANY($1)', [seqs]);
}

/** Records that the outcomes of these jobs may be gone, and those of all earlier jobs. */
export async function noteOutcomesRemoved(queries: Queries, jobIds: readonly string[]): Promise<void> {
  await queries.query(
    `UPDATE bus.removal SET outcomes_since = greatest(outcomes_since, (SELECT max(committed_at) FROM bus.journal
       WHERE ordinal = 0 AND seq IN (SELECT jobs.seq FROM bus.jobs WHERE job_id = ANY($1))))`,
    [jobIds],
  );
}

/** A settled job that has its outcome, unless that was lost. */
export interface SettledJob {
  seq: number;
  jobId: string;
  isRejected: boolean;
}

/** Returns settled jobs after a seq, oldest first, whose outcomes must be there. */
export async function settledAfter(queries: Queries, after: number, limit: number): Promise<SettledJob[]> {
  return queries.query<SettledJob & Record<string, unknown>>(
    `SELECT jobs.seq, jobs.job_id AS "jobId", status = 'rejected' AS "isRejected"
     FROM bus.jobs JOIN bus.journal USING (seq), bus.removal
     WHERE jobs.seq > $1 AND ordinal = 0 AND settled AND committed_at > outcomes_since
       AND NOT EXISTS (SELECT FROM bus.jobs retry WHERE retry.retry_of = jobs.seq AND retry.retry_of > 0)
     ORDER BY jobs.seq LIMIT $2`,
    [after, limit],
  );
}
