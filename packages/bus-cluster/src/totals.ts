import { outcomeOfJob } from '@quantbot/bus-format/journal';
import { countDismissed } from './dismissals.js';
import type { Queries } from './postgres/postgres.js';

type Outcome = 'ingested' | 'duplicate' | 'rejected' | 'done';

/** The totals of the journal up to a job. */
export interface ClusterTotals {
  seq: number;
  /** A rejected job that was dismissed counts only as dismissed. */
  jobs: Record<Outcome | 'dismissed', number>;
  artifacts: number;
  rows: number;
  bytes: number;
  lastCommittedAtMs: number | undefined;
}

/** The totals of an empty journal. */
export const noTotals: ClusterTotals = {
  seq: 0,
  jobs: { ingested: 0, duplicate: 0, rejected: 0, dismissed: 0, done: 0 },
  artifacts: 0,
  rows: 0,
  bytes: 0,
  lastCommittedAtMs: undefined,
};

/** Adds the commits since some earlier totals. It reads only those rows. */
export async function addTotals(queries: Queries, before: ClusterTotals): Promise<ClusterTotals> {
  const [head] = await queries.query<{ seq: number; at: number | null }>(
    `SELECT head.seq, CAST(extract(epoch FROM committed_at) * 1000 AS bigint) AS at
     FROM bus.head LEFT JOIN bus.journal ON journal.seq = head.seq AND ordinal = 0`,
  );
  const { seq = 0, at = null } = head ?? {};
  if (seq <= before.seq) return before;
  const counted = await queries.query<Count & Record<string, unknown>>(
    `SELECT outcome, count(*) AS jobs, sum(artifacts)::bigint AS artifacts, sum(rows)::bigint AS rows, sum(bytes)::bigint AS bytes
     FROM (SELECT ${outcomeOfJob} AS outcome,
             count(*) FILTER (WHERE status = 'ingested') AS artifacts,
             coalesce(sum(rows) FILTER (WHERE status = 'ingested'), 0) AS rows,
             coalesce(sum(bytes) FILTER (WHERE status = 'ingested'), 0) AS bytes
           FROM bus.journal WHERE seq > $1 AND seq <= $2 GROUP BY seq) jobs
     GROUP BY outcome`,
    [before.seq, seq],
  );
  const totals = { ...before, seq, jobs: { ...before.jobs }, lastCommittedAtMs: at ?? before.lastCommittedAtMs };
  for (const { outcome, jobs, artifacts, rows, bytes } of counted) {
    totals.jobs[outcome] += jobs;
    totals.artifacts += artifacts;
    totals.rows += rows;
    totals.bytes += bytes;
  }
  if (counted.some(({ outcome }) => outcome === 'done')) {
    const dismissed = await countDismissed(queries, seq);
    totals.jobs.rejected -= dismissed - before.jobs.dismissed;
    totals.jobs.dismissed = dismissed;
  }
  return totals;
}

interface Count {
  outcome: Outcome;
  jobs: number;
  artifacts: number;
  rows: number;
  bytes: number;
}
