import type { Beside, Bus, VerifyingBus } from '../bus.js';
import type { CheckedJob, ClaimedJob } from '../job.js';
import { verify } from '../stages/verify.js';
import { FairQueue } from './fair-queue.js';
import { producerOfClaimed } from './producers.js';

type Clock = Pick<Bus, 'elapsed'>;

interface FailedJob {
  job: ClaimedJob;
  error: unknown;
}

/** Files of a producer whose last one was slow go here at once for this long. */
const slowForMs = 60_000;

/**
 * Large jobs, and those with files that are slow to read, are verified here, one after another and
 * beside the batches, so that no small job waits until gigabytes have been hashed. Their producers
 * take turns. A verified one joins the next batch. A large job is therefore overtaken by smaller
 * ones that came after it.
 */
export class LargeJobs implements Beside {
  readonly #bus: VerifyingBus & Clock;
  readonly #onReady: () => void;
  readonly #stopping = new AbortController();
  /** Claims that are here: waiting, being verified, or ready. */
  readonly #claims = new Set<string>();
  #ready: CheckedJob[] = [];
  #failed: FailedJob[] = [];
  readonly #waiting = new FairQueue<ClaimedJob>(({ submittedAtMs = 0 }) => submittedAtMs);
  #verifying: Promise<void> | undefined;
  /** Producers of slow files, and until when they count as such. */
  readonly #slowUntil = new Map<string, number>();

  constructor(bus: VerifyingBus & Clock, onReady: () => void) {
    // A process of its own, so that what happens to one that reads a large file is not held against
    // another.
    this.#bus = { ...bus, inspector: bus.inspector.another('inspect-large') };
    this.#onReady = onReady;
  }

  has(claim: string): boolean {
    return this.#claims.has(claim);
  }

  /** Whether jobs are here that have not been taken. */
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
   * A job that could not be verified, for no reason of its own; it is out of here then, and still
   * in `claimed/`.
   */
  takeFailed(): FailedJob | undefined {
    return this.#failed.shift();
  }

  /** The jobs that are verified by now; they are the caller's from here on. */
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
      this.#ready.push(...verified);
    } catch (error) {
      this.#claims.delete(job.claim);
      if (signal.aborted) return;
      this.#failed.push({ job, error });
    }
    this.#onReady();
  }
}
