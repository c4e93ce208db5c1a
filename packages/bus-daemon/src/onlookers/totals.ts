import { type Journal, outcomeOfJob } from '@quantbot/bus-format/journal';
import type { SettledJob, Totals } from '@quantbot/bus-http';
import type { Bus } from '../writer/bus.js';

/**
 * Adds new commits to the totals of the journal, so that no request waits for a million rows. The
 * first call counts the journal, and must come before the loop runs.
 */
export function totalsOf(bus: Pick<Bus, 'journal' | 'events' | 'now'>): () => Promise<Totals> {
  let counted: Promise<Totals> | undefined;
  return () => {
    counted ??= begin(bus);
    return counted;
  };
}

async function begin({ journal, events, now }: Pick<Bus, 'journal' | 'events' | 'now'>): Promise<Totals> {
  const totals = await countAll(journal);
  events.on('settled', ({ jobs }) => {
    for (const job of jobs) add(totals, job);
    totals.lastCommittedAtMs = now();
  });
  return totals;
}

function add(totals: Totals, { outcome, artifacts, rows, bytes }: SettledJob): void {
  totals.jobs[outcome]++;
  totals.artifacts += artifacts;
  totals.rows += rows;
  totals.bytes += bytes;
}

/** Counts everything that was ever committed. */
async function countAll(journal: Journal): Promise<Totals> {
  const jobs = { ingested: 0, duplicate: 0, rejected: 0, done: 0 };
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
