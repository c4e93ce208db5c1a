import { countDismissedQuery, type Journal, outcomeOfJob } from '@quantbot/bus-format/journal';
import type { SettledJob, Totals } from '@quantbot/bus-http';
import type { Bus } from '../writer/bus.js';

/**
 * Adds new commits to the totals of the journal, so that no request waits for a million rows. The
 * first call counts the journal, and must come before the loop runs.
 */
export function totalsOf(bus: Pick<Bus, 'journal' | 'events' | 'now'>): () => Promise<Totals> {
  let counted: Promise<Counted> | undefined;
  return async () => {
    counted ??= begin(bus);
    return withDismissed(bus.journal, await counted);
  };
}

/** Totals that count dismissed jobs as rejected. */
interface Counted {
  totals: Totals;
  /** The number of dismissed jobs, counted again after each operation: those are rare. */
  dismissed: Promise<number> | undefined;
}

async function begin({ journal, events, now }: Pick<Bus, 'journal' | 'events' | 'now'>): Promise<Counted> {
  const counted: Counted = { totals: await countAll(journal), dismissed: undefined };
  events.on('settled', ({ jobs }) => {
    for (const job of jobs) add(counted.totals, job);
    counted.totals.lastCommittedAtMs = now();
    if (jobs.some(({ outcome }) => outcome === 'done')) counted.dismissed = undefined;
  });
  return counted;
}

async function withDismissed(journal: Journal, counted: Counted): Promise<Totals> {
  counted.dismissed ??= journal.query<{ n: bigint }>(countDismissedQuery).then(([row]) => Number(row?.n ?? 0));
  const dismissed = await counted.dismissed;
  const { jobs, ...totals } = counted.totals;
  return { ...totals, jobs: { ...jobs, rejected: jobs.rejected - dismissed, dismissed } };
}

function add(totals: Totals, { outcome, artifacts, rows, bytes }: SettledJob): void {
  totals.jobs[outcome]++;
  totals.artifacts += artifacts;
  totals.rows += rows;
  totals.bytes += bytes;
}

/** Counts everything that was ever committed. */
async function countAll(journal: Journal): Promise<Totals> {
  const jobs = { ingested: 0, duplicate: 0, rejected: 0, dismissed: 0, done: 0 };
  const counted = await journal.query<{ outcome: keyof typeof jobs; n: bigint }>(
    `SELECT outcome, count(*) AS n FROM (
       SELECT ${outcomeOfJob} AS outcome
       FROM _bus.journal GROUP BY seq
     ) GROUP BY outcome`,
  );
  for (const { outcome, n } of counted) jobs[outcome] = Number(n);
  const [row] = await journal.query<{ artifacts: bigint; rows: bigint; bytes: bigint }>(
    `SELECT count(*) AS artifacts, CAST(coalesce(sum(rows), 0) AS BIGINT) AS rows, CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes
     FROM _bus.journal WHERE status = 'ingested'`,
  );
  const { artifacts, rows, bytes } = row as NonNullable<typeof row>;
  return {
    jobs,
    artifacts: Number(artifacts),
    rows: Number(rows),
    bytes: Number(bytes),
    lastCommittedAtMs: await journal.lastCommittedAt(),
  };
}
