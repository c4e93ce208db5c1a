import type { DeclaredColumn } from '@quantbot/bus-format';

/**
 * Artifacts whose files were read for an operation on their table: for NULL in a key, or for
 * values that a type does not hold. An artifact key always has the same bytes, so the finding
 * holds for ever, for the same columns with the same types.
 */
export class SeenKeys {
  readonly #byColumns = new Map<string, Seen>();

  /** Returns the keys of those where nothing was found. */
  of(columns: readonly DeclaredColumn[]): Set<string> {
    return this.#seen(columns).whole;
  }

  /** Returns those that have NULL in one of these columns, each with where. */
  nullsOf(columns: readonly DeclaredColumn[]): Map<string, string[]> {
    return this.#seen(columns).nulls;
  }

  /** Returns those that have a value that the type of the column does not hold. */
  misfitsOf(columns: readonly DeclaredColumn[]): Map<string, Misfit> {
    return this.#seen(columns).misfits;
  }

  #seen(columns: readonly DeclaredColumn[]): Seen {
    const asked = JSON.stringify(columns.map(({ name, type }) => [name, type]));
    const seen = this.#byColumns.get(asked) ?? { whole: new Set(), nulls: new Map(), misfits: new Map() };
    this.#byColumns.set(asked, seen);
    return seen;
  }
}

/** An artifact with a value that a new type does not hold. */
export interface Misfit {
  artifact: string;
  /** The type of the column in its file. */
  found: string;
  /** The first such value; absent if no value of the type is held, or if the file is unreadable. */
  value?: string;
  unreadable?: true;
}

interface Seen {
  whole: Set<string>;
  nulls: Map<string, string[]>;
  misfits: Map<string, Misfit>;
}
