import { join } from 'node:path';
import type { BusLayout } from '@quantbot/infra/bus';
import { liveSegments, readSegments, type Segment } from './files.js';

/**
 * Caches the segments of the canonical tables. Without the cache, each publication, export and
 * release would read thousands of folders. Only this process changes the segments, through {@link
 * change}.
 */
export class TableSegments {
  readonly #layout: BusLayout;
  readonly #known = new Map<string, readonly Segment[]>();
  #changes = 0;

  constructor(layout: BusLayout) {
    this.#layout = layout;
  }

  /** All segments of a table, also those that a wider one has replaced. */
  async of(table: string): Promise<readonly Segment[]> {
    const known = this.#known.get(table);
    if (known !== undefined) return known;
    const changes = this.#changes;
    const all = await readSegments(join(this.#layout.canon, table));
    if (changes === this.#changes) this.#known.set(table, all);
    return all;
  }

  /** The live segments of a table up to a seq, in order. */
  async live(table: string, upTo: number): Promise<Segment[]> {
    return liveSegments(await this.of(table), upTo);
  }

  /**
   * Changes the files of a table. A read during the change may see either state, and is not cached.
   */
  async change(table: string, work: () => Promise<void>): Promise<void> {
    this.#forget(table);
    try {
      await work();
    } finally {
      this.#forget(table);
    }
  }

  #forget(table: string): void {
    this.#changes++;
    this.#known.delete(table);
  }
}
