import type { Queries } from './postgres/postgres.js';

/** Each job that was dismissed up to `$1`, with the last seq. It is about the rejections before. */
const dismissals = `(SELECT job_id, max(seq) AS seq FROM (
    SELECT seq, json_array_elements_text(CAST(op_json AS json)->'job_ids') AS job_id FROM bus.journal
    WHERE op_json IS NOT NULL AND status = 'done' AND seq <= $1 AND CAST(op_json AS json)->>'type' = 'dismiss') named
  GROUP BY job_id)`;

/** Returns those of these jobs that were rejected. */
export async function rejectedAmong(queries: Queries, jobIds: readonly string[]): Promise<Set<string>> {
  if (jobIds.length === 0) return new Set();
  const rows = await queries.query<{ job_id: string }>(
    `SELECT DISTINCT job_id FROM bus.journal WHERE status = 'rejected' AND job_id = ANY($1)`,
    [jobIds],
  );
  return new Set(rows.map(row => row.job_id));
}

/** Returns the number of rejections up to a job that were dismissed. */
export async function countDismissed(queries: Queries, upTo = Number.MAX_SAFE_INTEGER): Promise<number> {
  const [row] = await queries.query<{ n: number }>(
    `SELECT count(*) AS n FROM bus.journal r JOIN ${dismissals} d ON d.job_id = r.job_id AND d.seq > r.seq
     WHERE r.status = 'rejected'`,
    [upTo],
  );
  return row?.n ?? 0;
}

/** Returns the jobs that were dismissed, with the seq of the last dismissal. */
export async function dismissedJobs(queries: Queries): Promise<Map<string, number>> {
  const rows = await queries.query<{ job_id: string; seq: number }>(`SELECT job_id, seq FROM ${dismissals} d`, [
    Number.MAX_SAFE_INTEGER,
  ]);
  return new Map(rows.map(({ job_id, seq }) => [job_id, seq]));
}
