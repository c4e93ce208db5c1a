import type { WorkerProcess } from '@quantbot/duckdb-process';
import type { Beside, Bus, VerifyingBus } from '../bus.js';
import type { CheckedJob, ClaimedJob } from '../job.js';
import { verify } from '../stages/verify.js';
import { FairQueue } from './fair-queue.js';
import { producerOfClaimed } from './producers.js';

type Clock = Pick<Bus, 'elapsed'>;

/** Reads in advance what the decision about a verified job needs. */
type LookAhead = (job: CheckedJob, inspector: WorkerProcess) => Promise<CheckedJob>;

interface FailedJob {
  job: ClaimedJob;
  error: unknown;
}

/** After a slow file, all files of its producer go here at once for this long. */
const slowForMs = 60_000;

/**
 * Verifies large jobs, jobs with files that are slow to read, and operations on tables, one at a
 * time in the background. So no small job waits until gigabytes have been hashed, or until the key
 * of a table has been read. Producers take turns. A verified job joins the next batch, so smaller
 * jobs that came later may overtake it.
 */
export class LargeJobs implements Beside {
  readonly #bus: VerifyingBus & Clock;
  readonly #onReady: () => void;
  readonly #lookAhead: LookAhead;
  readonly #stopping = new AbortController();
  /** The claims of these jobs: waiting, being verified, or ready. */
  readonly #claims = new Set<string>();
  #ready: CheckedJob[] = [];
  #failed: FailedJob[] = [];
  readonly #waiting = new FairQueue<ClaimedJob>(({ submittedAtMs = 0 }) => submittedAtMs);
  #verifying: Promise<void> | undefined;
  /** Producers of slow files, and the time until which they count as slow. */
  readonly #slowUntil = new Map<string, number>();

  constructor(bus: VerifyingBus & Clock, onReady: () => void, lookAhead: LookAhead = async job => job) {
    // Use a separate process, so that the crash of a large file is not attributed to another file.
    this.#bus = { ...bus, inspector: bus.inspector.another('inspect-large') };
    this.#onReady = onReady;
    this.#lookAhead = lookAhead;
  }

  has(claim: string): boolean {
    return this.#claims.has(claim);
  }

  /** Whether it has jobs that have not been taken. */
  get busy(): boolean {
    return this.#claims.size > 0;
  }

  add(job: ClaimedJob): void {
    this.#claims.add(job.claim);
    this.#waiting.add(producerOfClaimed(job), [job]);
    this.#verifying ??= this.#verifyAll();
  }

  isSlow(producer: string): boolean {
    return (this.#slowUntil.get(producer) ?? 0) > this.#bus.elapsed();
  }

  noteSlow(producer: string): void {
    const now = this.#bus.elapsed();
    for (const [other, until] of this.#slowUntil) if (until <= now) this.#slowUntil.delete(other);
    this.#slowUntil.set(producer, now + slowForMs);
  }

  /**
   * Removes and returns a job whose verification failed through no fault of its own. It is still in
   * `claimed/`.
   */
  takeFailed(): FailedJob | undefined {
    return this.#failed.shift();
  }

  /** Removes and returns the verified jobs. */
  takeReady(): CheckedJob[] {
    const ready = this.#ready;
    this.#ready = [];
    for (const { claim } of ready) this.#claims.delete(claim);
    return ready;
  }

  /** Ends the current work. The jobs stay in `claimed/`. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#bus.inspector.close();
    await this.#verifying;
  }

  async #verifyAll(): Promise<void> {
    for (const next of this.#inTurns()) await this.#verifyOne(next);
    this.#verifying = undefined;
  }

  *#inTurns(): Generator<ClaimedJob> {
    for (let [next] = this.#waiting.take(1); next !== undefined; [next] = this.#waiting.take(1)) yield next;
  }

  async #verifyOne(job: ClaimedJob): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    try {
      const verified = await verify(this.#bus, [job], signal);
      const ahead: CheckedJob[] = [];
      for (const checked of verified) ahead.push(await this.#lookAhead(checked, this.#bus.inspector));
      this.#ready.push(...ahead); // only now: takeReady replaces the array
    } catch (error) {
      this.#claims.delete(job.claim);
      if (signal.aborted) return;
      this.#failed.push({ job, error });
    }
    this.#onReady();
  }
}
