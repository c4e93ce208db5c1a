import { isAboutAJob } from '@quantbot/bus-format';
import type { Bus } from '../bus.js';
import type { ClaimedJob } from '../job.js';

/** A job that was put aside is retried after this long. */
const restMs = 60_000;

/**
 * Keeps an unforeseen error from blocking the queue. A batch that fails is retried job by job,
 * unless the machine was at fault. A job that fails alone is put aside: it stays in `claimed/` and
 * is retried later.
 */
export class Aside {
  readonly #bus: Bus;
  /** Claim and time of the next attempt. */
  readonly #until = new Map<string, number>();
  /** The number of jobs that still go through one at a time. */
  #alone = 0;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Whether a job is put aside for now. */
  has(job: ClaimedJob): boolean {
    return (this.#until.get(job.claim) ?? 0) > this.#bus.elapsed();
  }

  /** The jobs to work on next. */
  nextBatch(claimed: readonly ClaimedJob[], maxJobs: number): ClaimedJob[] {
    return claimed.filter(job => !this.has(job)).slice(0, this.#alone > 0 ? 1 : maxJobs);
  }

  /** Whether jobs go through one at a time, to find the failing one. */
  get careful(): boolean {
    return this.#alone > 0;
  }

  succeeded(batch: readonly ClaimedJob[]): void {
    this.#alone = Math.max(0, this.#alone - batch.length);
  }

  /** Whether a job is due for another attempt. */
  get isDue(): boolean {
    const now = this.#bus.elapsed();
    return [...this.#until.values()].some(until => until <= now);
  }

  /** Returns due jobs to the queue. */
  release(): void {
    const now = this.#bus.elapsed();
    for (const [claim, until] of this.#until) if (until <= now) this.#until.delete(claim);
  }

  /** Records a failed batch. A fault of the machine does not count against any job. */
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
      'a job failed with an unexpected error; it is set aside and will be retried',
    );
  }
}
