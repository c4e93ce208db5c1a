import type { ParquetColumn } from '@quantbot/infra';
import { evolve } from './evolve.js';
import { type CanonTable, canonTableOf } from './table.js';

/** What the registry needs to know of an artifact that was committed. */
export interface RegisteredArtifact {
  seq: number;
  schemaHint: string;
  artifactKey: string;
  columns: readonly ParquetColumn[];
}

/**
 * The canonical tables. They are derived from the journal (each table is the fold of its artifacts' schemas in the order of their
 * commits), so that nothing else has to be kept or rebuilt.
 */
export class TableRegistry {
  readonly #tables = new Map<string, CanonTable>();
  readonly #lastSeq = new Map<string, number>();

  /** Replays what the journal knows: for each table its distinct schemas, by the first artifact that had it. */
  static replay(artifacts: Iterable<RegisteredArtifact>): TableRegistry {
    const registry = new TableRegistry();
    for (const artifact of artifacts) registry.apply(artifact);
    return registry;
  }

  /** The tables in name order. */
  tables(): CanonTable[] {
    return [...this.#tables.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): CanonTable | undefined {
    return this.#tables.get(name);
  }

  /** The seq of the last job that added to the table; 0 when there is none. */
  lastSeq(name: string): number {
    return this.#lastSeq.get(name) ?? 0;
  }

  /** Takes in a committed artifact; one whose hint names no table is passed over. */
  apply(artifact: RegisteredArtifact): void {
    const name = canonTableOf(artifact.schemaHint);
    if (name === undefined) return;
    this.#tables.set(name, evolve(this.get(name), name, artifact.artifactKey, artifact.columns));
    this.#lastSeq.set(name, Math.max(this.lastSeq(name), artifact.seq));
  }

  /** A copy to try a batch on: what it decides becomes true only when the batch is committed. */
  draft(): TableRegistry {
    const copy = new TableRegistry();
    for (const [name, table] of this.#tables) copy.#tables.set(name, table);
    for (const [name, seq] of this.#lastSeq) copy.#lastSeq.set(name, seq);
    return copy;
  }

  /** Becomes what a draft has become. */
  adopt(draft: TableRegistry): void {
    for (const [name, table] of draft.#tables) this.#tables.set(name, table);
    for (const [name, seq] of draft.#lastSeq) this.#lastSeq.set(name, seq);
  }
}
