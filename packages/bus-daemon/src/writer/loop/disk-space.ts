import type { BusError } from '@quantbot/infra';
import { diskFull, freeBytes } from '@quantbot/infra/bus';
import type { Bus } from '../bus.js';

const lookEveryMs = 1_000;

/**
 * Watches the free space on the disk of the bus. While it is below `min_free_bytes`, jobs with
 * artifacts wait in the inbox. Operations and background work go on, because they may free space.
 */
export class DiskSpace {
  readonly #bus: Pick<Bus, 'config' | 'elapsed' | 'layout' | 'logger'>;
  readonly #freeBytes: typeof freeBytes;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #problem: BusError | undefined;

  constructor(bus: Pick<Bus, 'config' | 'elapsed' | 'layout' | 'logger'>, free = freeBytes) {
    this.#bus = bus;
    this.#freeBytes = free;
  }

  /** Returns the error for as long as too little space is free. It is the same one meanwhile. */
  problem(): BusError | undefined {
    const { config, elapsed, layout, logger } = this.#bus;
    if (elapsed() - this.#lookedAt < lookEveryMs) return this.#problem;
    this.#lookedAt = elapsed();
    const min = config.minFreeBytes;
    const free = min === 0 ? undefined : this.#freeBytes(layout.root);
    const isFull = free !== undefined && free < min;
    if (isFull && this.#problem === undefined) {
      this.#problem = diskFull(layout.root, { free, min });
      const { hint } = this.#problem;
      logger.error({ err: this.#problem, hint }, 'paused: new jobs wait in the inbox until there is space');
    }
    if (!isFull && this.#problem !== undefined) {
      this.#problem = undefined;
      logger.info({ free }, 'there is space again; jobs go on');
    }
    return this.#problem;
  }
}
