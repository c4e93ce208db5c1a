import type { Bus } from '../bus.js';
import type { SettledJob } from '../events.js';

/** All that was ever committed. */
export interface TotalsOfJournal {
  jobs: Record<SettledJob['outcome'], number>;
  artifacts: number;
  rows: number;
  /** Bytes of the store. */
  bytes: number;
  lastCommittedAtMs: number | undefined;
}

/** Counts what is committed from here on to what the journal has: nobody who asks has to wait for a million rows. */
export class Totals {
  #totals: TotalsOfJournal;

  private constructor(totals: TotalsOfJournal) {
    this.#totals = totals;
  }

  static async of(bus: Bus): Promise<Totals> {
    const totals = new Totals(await bus.journal.totals());
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
