import { BusError, busError, type ParquetColumn } from '@quantbot/infra';
import type { DeclaredTable } from '@quantbot/infra/config';
import { evolve } from './evolve.js';
import { type CanonTable, canonTableOf, newTable, requiredColumns } from './table.js';

/** What the registry needs to know of an artifact that was committed. */
export interface RegisteredArtifact {
  seq: number;
  schemaHint: string;
  artifactKey: string;
  columns: readonly ParquetColumn[];
}

/**
 * The canonical tables. They are derived from the configuration and the journal (each table is the
 * fold of its artifacts' schemas in the order of their commits), so that nothing else has to be
 * kept or rebuilt.
 */
export class TableRegistry {
  readonly #declared: ReadonlyMap<string, DeclaredTable>;
  /** For a draft: what it was made from. It holds only what it changes itself. */
  readonly #base: TableRegistry | undefined;
  #inOrder: readonly CanonTable[] | undefined;
  readonly #tables = new Map<string, CanonTable>();
  readonly #lastSeq = new Map<string, number>();

  private constructor(declared: ReadonlyMap<string, DeclaredTable>, base?: TableRegistry) {
    this.#declared = declared;
    this.#base = base;
  }

  /**
   * Replays what the journal knows: for each table its distinct schemas, by the first artifact that
   * had it.
   *
   * @throws BusError `CONFIG_INVALID` when a declared table does not fit what was taken into it
   * before it was declared.
   */
  static replay(artifacts: Iterable<RegisteredArtifact>, declared: readonly DeclaredTable[] = []): TableRegistry {
    const registry = new TableRegistry(new Map(declared.map(table => [table.name, table])));
    for (const table of declared) if (table.columns.length > 0) registry.#set(newTable(table.name, table));
    for (const artifact of artifacts) {
      try {
        registry.apply(artifact);
      } catch (error) {
        const name = canonTableOf(artifact.schemaHint) ?? '';
        if (!(error instanceof BusError) || !registry.#declared.has(name)) throw error;
        throw busError('CONFIG_INVALID', `canon.tables.${name} does not fit the existing table.`, {
          details: error.details,
          hint: 'Declare the table as it is (see catalog.tables_d), or declare another one.',
          cause: error,
        });
      }
    }
    return registry;
  }

  /** The tables in name order: the same array until one changes. */
  tables(): readonly CanonTable[] {
    const own = this.#tables;
    if (own.size === 0 && this.#base !== undefined) return this.#base.tables();
    if (this.#base === undefined && this.#inOrder !== undefined) return this.#inOrder;
    const others = (this.#base?.tables() ?? []).filter(({ name }) => !own.has(name));
    this.#inOrder = [...others, ...own.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#inOrder;
  }

  /** The tables that a draft adds or changes. */
  changed(): CanonTable[] {
    return [...this.#tables.values()].filter(table => table !== this.#base?.get(table.name));
  }

  get(name: string): CanonTable | undefined {
    return this.#tables.get(name) ?? this.#base?.get(name);
  }

  /** Whether a table is there, or the configuration says what it will be. */
  isKnown(name: string): boolean {
    return this.get(name) !== undefined || this.#declared.has(name);
  }

  /** The columns that each file of a table must have, without NULL. */
  required(name: string): string[] {
    return requiredColumns(this.#declared.get(name));
  }

  /** The seq of the last job that added to the table; 0 when there is none. */
  lastSeq(name: string): number {
    return this.#lastSeq.get(name) ?? this.#base?.lastSeq(name) ?? 0;
  }

  /** Takes in a committed artifact; one whose hint names no table is passed over. */
  apply(artifact: RegisteredArtifact): void {
    const name = canonTableOf(artifact.schemaHint);
    if (name === undefined) return;
    const table = this.get(name) ?? newTable(name, this.#declared.get(name));
    this.#set(evolve(table, artifact.artifactKey, artifact.columns, this.required(name)));
    this.#lastSeq.set(name, Math.max(this.lastSeq(name), artifact.seq));
  }

  /**
   * A table has files of this generation: its views must read them, whatever its types have come
   * from.
   */
  keepGeneration(name: string, generation: number): void {
    const table = this.get(name);
    if (table !== undefined && table.generation < generation) this.#set({ ...table, generation });
  }

  /** A draft to try a batch on: what it decides becomes true only when the batch is committed. */
  draft(): TableRegistry {
    return new TableRegistry(this.#declared, this);
  }

  /** Becomes what a draft has become. */
  adopt(draft: TableRegistry): void {
    for (const table of draft.#tables.values()) this.#set(table);
    for (const [name, seq] of draft.#lastSeq) this.#lastSeq.set(name, seq);
  }

  #set(table: CanonTable): void {
    if (this.#tables.get(table.name) === table) return;
    this.#tables.set(table.name, table);
    this.#inOrder = undefined;
  }
}
