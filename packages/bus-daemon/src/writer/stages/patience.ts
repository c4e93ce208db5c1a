import type { Beside } from '../bus.js';

/**
 * The files of a batch may take this much longer than files of their sizes take, all of them
 * together.
 */
const patienceMs = 5_000;
/** What files take that are not slow, on a machine that is. */
const usualMs = 200;
const usualBytesPerMs = 8 * 1024;

/**
 * How long the jobs of a batch wait for the files of some of them: what takes longer is verified
 * beside them.
 */
export class Patience {
  readonly #beside: Beside;
  #leftMs = patienceMs;

  constructor(beside: Beside) {
    this.#beside = beside;
  }

  /**
   * How long files of a producer may take (milliseconds); undefined if they are not to be tried.
   */
  timeFor(producer: string, bytes: number): number | undefined {
    if (this.#leftMs <= 0 || this.#beside.isSlow(producer)) return undefined;
    return usual(bytes) + this.#leftMs;
  }

  /**
   * Notes what an attempt took. One that spoilt its process says that the producer's next files are
   * slow, too.
   */
  spend(producer: string, { ms, bytes, spoilt }: { ms: number; bytes: number; spoilt: boolean }): void {
    this.#leftMs -= Math.max(0, ms - usual(bytes));
    if (spoilt) this.#beside.noteSlow(producer);
  }
}

const usual = (bytes: number): number => usualMs + bytes / usualBytesPerMs;
