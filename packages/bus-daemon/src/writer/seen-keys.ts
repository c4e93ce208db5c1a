import { isDeepStrictEqual } from 'node:util';
import type { DeclaredColumn } from '@quantbot/bus-format';

/**
 * Artifacts whose files were read for NULL in the key of their table. An artifact key always has
 * the same bytes, so the finding holds for ever, for the same columns.
 */
export class SeenKeys {
  #columns: readonly DeclaredColumn[] = [];
  #whole = new Set<string>();
  #nulls = new Map<string, string[]>();

  /** Returns the keys of those without NULL. Other columns than before start an empty set. */
  of(columns: readonly DeclaredColumn[]): Set<string> {
    this.#take(columns);
    return this.#whole;
  }

  /** Returns those that have some, with where. Other columns than before start an empty map. */
  nullsOf(columns: readonly DeclaredColumn[]): Map<string, string[]> {
    this.#take(columns);
    return this.#nulls;
  }

  #take(columns: readonly DeclaredColumn[]): void {
    if (isDeepStrictEqual(columns, this.#columns)) return;
    this.#columns = columns;
    this.#whole = new Set();
    this.#nulls = new Map();
  }
}
