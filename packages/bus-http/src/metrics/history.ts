import type { VisibleBus } from '../view/visible-bus.js';

/** Counts over a few seconds. */
export interface Sample {
  /** End of the sample (milliseconds since 1970). */
  at: number;
  /** Jobs that settled, and how many of them were rejected. */
  jobs: number;
  rejected: number;
  bytes: number;
  /** Jobs that were waiting or being worked on at the end. */
  queue: number;
  /** From a job's COMMIT until readers could see it (milliseconds); null when no job settled. */
  latencyMedianMs: number | null;
  latencyP99Ms: number | null;
}

/** The length of a sample, and the number of samples to keep: one hour. */
export const sampleMs = 5_000;
const kept = 720;
const latenciesKept = 10_000;

/** Samples of the last hour, for charts. They start over with each start of the daemon. */
export class History {
  readonly #queueNow: () => Promise<number>;
  readonly #now: () => number;
  readonly #samples: Sample[] = [];
  readonly #listeners = new Set<(sample: Sample) => void>();
  #open = { jobs: 0, rejected: 0, bytes: 0, latencies: [] as number[] };
  #timer: NodeJS.Timeout | undefined;

  constructor(bus: Pick<VisibleBus, 'events' | 'now'>, queueNow: () => Promise<number>) {
    this.#queueNow = queueNow;
    this.#now = bus.now;
    bus.events.on('settled', ({ jobs }) => {
      for (const { bytes, outcome, latencyMs } of jobs) {
        this.#open.jobs++;
        this.#open.bytes += bytes;
        if (outcome === 'rejected') this.#open.rejected++;
        if (latencyMs !== undefined && this.#open.latencies.length < latenciesKept)
          this.#open.latencies.push(latencyMs);
      }
    });
  }

  /** Begins to take samples. */
  start(): void {
    this.#timer = setInterval(() => void this.sample().catch(() => {}), sampleMs); // a folder that cannot be listed: no sample
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The samples, oldest first. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** @returns a function that unsubscribes. */
  onSample(listener: (sample: Sample) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Closes the sample that is open, and opens the next. */
  async sample(): Promise<void> {
    const { latencies, ...counts } = this.#open;
    this.#open = { jobs: 0, rejected: 0, bytes: 0, latencies: [] };
    const sorted = latencies.sort((a, b) => a - b);
    const sample = {
      at: this.#now(),
      ...counts,
      queue: await this.#queueNow(),
      latencyMedianMs: quantile(sorted, 0.5),
      latencyP99Ms: quantile(sorted, 0.99),
    };
    this.#samples.push(sample);
    if (this.#samples.length > kept) this.#samples.shift();
    for (const listener of this.#listeners) listener(sample);
  }
}

/**
 * Returns the nearest-rank quantile (Hyndman and Fan, type 1) of sorted numbers; null without
 * numbers.
 */
export const quantile = (sorted: readonly number[], q: number): number | null =>
  sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null;
