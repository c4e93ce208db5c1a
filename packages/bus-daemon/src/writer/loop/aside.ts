import { isAboutAJob } from '@quantbot/bus-format';
import type { Bus } from '../bus.js';
import type { ClaimedJob } from '../job.js';

/** A job that was put aside is tried again after this long. */
const restMs = 60_000;

/**
 * Keeps an error that nobody foresaw from blocking the queue. A batch that fails for no reason of
 * the machine's is tried again job by job; a job that fails alone is put aside: it stays in
 * `claimed/`, is never lost, and is tried again later.
 */
export class Aside {
  readonly #bus: Bus;
  /** Claim and the moment from which the job may be tried again. */
  readonly #until = new Map<string, number>();
  /** So many jobs go through one at a time. */
  #alone = 0;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Whether a job rests for now. */
  has(job: ClaimedJob): boolean {
    return (this.#until.get(job.claim) ?? 0) > this.#bus.elapsed();
  }

  /** The jobs to work on next. */
  nextBatch(claimed: readonly ClaimedJob[], maxJobs: number): ClaimedJob[] {
    return claimed.filter(job => !this.has(job)).slice(0, this.#alone > 0 ? 1 : maxJobs);
  }

  /** Whether jobs go through one at a time for now, to find the one that fails. */
  get careful(): boolean {
    return this.#alone > 0;
  }

  succeeded(batch: readonly ClaimedJob[]): void {
    this.#alone = Math.max(0, this.#alone - batch.length);
  }

  /** Whether a job has rested long enough. */
  get isDue(): boolean {
    const now = this.#bus.elapsed();
    return [...this.#until.values()].some(until => until <= now);
  }

  /** Jobs that have rested long enough are like all others again. */
  release(): void {
    const now = this.#bus.elapsed();
    for (const [claim, until] of this.#until) if (until <= now) this.#until.delete(claim);
  }

  /**
   * Takes note of a batch that failed. What is the machine's fault is not counted against any job.
   */
  failed(batch: readonly ClaimedJob[], error: unknown): void {
    if (!isAboutAJob(error, this.#bus.layout.claimed) || batch.length === 0) return;
    const [only] = batch;
    if (batch.length > 1 || only === undefined) {
      this.#alone = batch.length;
      return;
    }
    this.#alone = Math.max(0, this.#alone - 1);
    this.#until.set(only.claim, this.#bus.elapsed() + restMs);
    this.#bus.logger.error(
      { job: only.jobId, err: error },
      'a job fails for a reason that nobody foresaw; it is put aside and tried again later',
    );
  }
}
