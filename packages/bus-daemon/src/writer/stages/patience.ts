import type { Beside } from '../bus.js';

/** How much longer than usual the files of a batch may take, in total. */
const patienceMs = 5_000;
/** The time of normal files on a slow machine. */
const usualMs = 200;
const usualBytesPerMs = 8 * 1024;

/**
 * Limits how long the jobs of a batch wait for slow files. Slower files are verified beside the
 * batch.
 */
export class Patience {
  readonly #beside: Beside;
  #leftMs = patienceMs;

  constructor(beside: Beside) {
    this.#beside = beside;
  }

  /**
   * Returns the time for files of a producer (milliseconds), or undefined if they should not be
   * tried.
   */
  timeFor(producer: string, bytes: number): number | undefined {
    if (this.#leftMs <= 0 || this.#beside.isSlow(producer)) return undefined;
    return usual(bytes) + this.#leftMs;
  }

  /**
   * Records the time of an attempt. One that killed its process marks the producer's next files as
   * slow too.
   */
  spend(producer: string, { ms, bytes, spoilt }: { ms: number; bytes: number; spoilt: boolean }): void {
    this.#leftMs -= Math.max(0, ms - usual(bytes));
    if (spoilt) this.#beside.noteSlow(producer);
  }
}

const usual = (bytes: number): number => usualMs + bytes / usualBytesPerMs;
