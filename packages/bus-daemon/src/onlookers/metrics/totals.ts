import type { Journal } from '@quantbot/bus-format/journal';
import type { Bus } from '../../writer/bus.js';
import type { SettledJob } from '../../writer/events.js';

/** All that was ever committed. */
interface TotalsOfJournal {
  jobs: Record<SettledJob['outcome'], number>;
  artifacts: number;
  rows: number;
  /** Bytes of the store. */
  bytes: number;
  lastCommittedAtMs: number | undefined;
}

/** Adds new commits to the totals of the journal, so that no request waits for a million rows. */
export class Totals {
  #totals: TotalsOfJournal;

  private constructor(totals: TotalsOfJournal) {
    this.#totals = totals;
  }

  static async of(bus: Bus): Promise<Totals> {
    const totals = new Totals(await totalsOf(bus.journal));
    bus.events.on('settled', ({ jobs }) => {
      for (const job of jobs) totals.#add(job);
      totals.#totals.lastCommittedAtMs = bus.now();
    });
    return totals;
  }

  get now(): Readonly<TotalsOfJournal> {
    return this.#totals;
  }

  #add({ outcome, artifacts, rows, bytes }: SettledJob): void {
    this.#totals.jobs[outcome]++;
    this.#totals.artifacts += artifacts;
    this.#totals.rows += rows;
    this.#totals.bytes += bytes;
  }
}

/** How much was ever committed. */
async function totalsOf(journal: Journal): Promise<TotalsOfJournal> {
  const jobs = { ingested: 0, duplicate: 0, rejected: 0, done: 0 };
  const counted = await journal.query<{ outcome: keyof typeof jobs; n: bigint }>(
    `SELECT outcome, count(*) AS n FROM (
       SELECT CASE WHEN bool_or(status = 'ingested') THEN 'ingested' ELSE any_value(status) END AS outcome
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
