import { isDeepStrictEqual } from 'node:util';
import type { DeclaredColumn } from '@quantbot/bus-format';

/**
 * Artifacts whose files were read for NULL in the key of their table, and have none. An artifact
 * key always has the same bytes, so this holds for ever, for the same columns.
 */
export class SeenKeys {
  #columns: readonly DeclaredColumn[] = [];
  #artifacts = new Set<string>();

  /** Returns the keys of these artifacts. Other columns than before start an empty set. */
  of(columns: readonly DeclaredColumn[]): Set<string> {
    if (!isDeepStrictEqual(columns, this.#columns)) {
      this.#columns = columns;
      this.#artifacts = new Set();
    }
    return this.#artifacts;
  }
}
