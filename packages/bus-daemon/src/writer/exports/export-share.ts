/**
 * This much export time is free at first, so that many small exports need not wait for one another
 * (milliseconds).
 */
const burstMs = 10_000;
/**
 * Once it is used up, exports wait until this much of it is free again. They then run in groups,
 * because each look for stale ones costs (milliseconds).
 */
const groupMs = 1_000;

/**
 * Bounds the share of the time that exports take. After an export of a table, the next one of the
 * same table waits, and all together stay within the share in the long run.
 */
export class ExportShare {
  readonly #share: number;
  /** By when the runs so far have had their share of the time. */
  #paidAt = Number.NEGATIVE_INFINITY;
  /** Until when all exports rest. */
  #pausedUntil = Number.NEGATIVE_INFINITY;
  readonly #restUntil = new Map<string, number>();

  /** @param share the largest share, above 0 and up to 1. */
  constructor(share: number) {
    this.#share = share;
  }

  /** Records a run (milliseconds). */
  spend(name: string, startedAt: number, endedAt: number): void {
    const tookMs = endedAt - startedAt;
    this.#restUntil.set(name, endedAt + tookMs / this.#share - tookMs);
    this.#paidAt = Math.max(this.#paidAt, startedAt) + tookMs / this.#share;
    const isUsedUp = this.#paidAt - burstMs / this.#share > endedAt;
    if (isUsedUp) this.#pausedUntil = this.#paidAt - (burstMs - groupMs) / this.#share;
  }

  /** Returns from when on the next run of an export is within the share. */
  mayStartAt(name: string): number {
    return Math.max(this.#restUntil.get(name) ?? Number.NEGATIVE_INFINITY, this.#pausedUntil);
  }
}
