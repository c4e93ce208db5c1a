import type { Snapshot } from '@quantbot/bus-format/views';
import type { Bus } from '../bus.js';
import { snapshotOf } from '../publish/snapshot.js';

/** Exports share a snapshot for this long (milliseconds). */
const sharedForMs = 1_000;

/**
 * The snapshot of exports that run one after the other. Many small exports share one, because to
 * take one costs more with each table and commit.
 */
export class RecentSnapshot {
  readonly #bus: Bus;
  #taken: { snapshot: Snapshot; atMs: number } | undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Returns the snapshot in use, whose files must not be deleted. */
  get pinned(): readonly Snapshot[] {
    return this.#taken === undefined ? [] : [this.#taken.snapshot];
  }

  /** Returns a snapshot that is at most a second old. Releases the previous one. */
  async take(): Promise<Snapshot> {
    const { elapsed } = this.#bus;
    if (this.#taken === undefined || elapsed() - this.#taken.atMs >= sharedForMs) {
      const atMs = elapsed();
      this.#taken = { snapshot: await snapshotOf(this.#bus), atMs };
    }
    return this.#taken.snapshot;
  }

  release(): void {
    this.#taken = undefined;
  }
}
