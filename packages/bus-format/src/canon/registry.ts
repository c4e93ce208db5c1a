import { isDeepStrictEqual } from 'node:util';
import { BusError } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import type { DeclaredTable } from '@quantbot/infra/config';
import { evolve } from './evolve.js';
import type { FileColumn } from './exact.js';
import { byConfiguration, type CanonTable, canonTableOf, newTable, requiredColumns, type TableStart } from './table.js';

/** What the registry needs from a committed artifact. */
export interface RegisteredArtifact {
  seq: number;
  schemaHint: string;
  artifactKey: string;
  columns: readonly FileColumn[];
}

/**
 * The canonical tables. Each table is the fold of its artifacts' schemas in the order of their
 * commits, starting from the configuration. Nothing else is stored.
 */
export class TableRegistry {
  readonly #declared: ReadonlyMap<string, DeclaredTable>;
  /** The registry that a draft is based on. A draft holds only its own changes. */
  readonly #base: TableRegistry | undefined;
  #inOrder: readonly CanonTable[] | undefined;
  readonly #tables = new Map<string, CanonTable>();
  readonly #lastSeq = new Map<string, number>();
  readonly #starts: Map<string, TableStart>;
  /** Tables whose compacted files are those of an older table of the name. */
  readonly #held = new Set<string>();

  private constructor(
    declared: ReadonlyMap<string, DeclaredTable>,
    { base, starts = new Map() }: { base?: TableRegistry; starts?: Map<string, TableStart> } = {},
  ) {
    this.#declared = declared;
    this.#base = base;
    this.#starts = starts;
  }

  /**
   * Replays the distinct schemas of each table, each with its first artifact.
   *
   * @param starts what operations have left of older tables of the same names. The artifacts of
   * those must not be among `artifacts`.
   * @throws BusError `CONFIG_INVALID` if a declared table does not fit artifacts that were
   * committed before, or declares another mode than an operation has set.
   */
  static replay(
    artifacts: Iterable<RegisteredArtifact>,
    declared: readonly DeclaredTable[] = [],
    starts: Map<string, TableStart> = new Map(),
  ): TableRegistry {
    const registry = new TableRegistry(new Map(declared.map(table => [table.name, table])), { starts });
    for (const table of declared) mustAgree(table, starts.get(table.name));
    for (const table of declared)
      if (table.columns.length > 0) registry.#set(newTable(table.name, table, starts.get(table.name)));
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

  /**
   * The tables by name, as readers may see them: without those that are held. Returns the same
   * array until a table changes.
   */
  tables(): readonly CanonTable[] {
    const own = this.#tables;
    if (own.size === 0 && this.#base !== undefined) return this.#base.tables();
    if (this.#base === undefined && this.#inOrder !== undefined) return this.#inOrder;
    const others = (this.#base?.tables() ?? []).filter(({ name }) => !own.has(name));
    this.#inOrder = [...others, ...own.values()]
      .filter(({ name }) => !this.#held.has(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#inOrder;
  }

  /** The names of the tables that {@link hold} keeps from readers. */
  get held(): ReadonlySet<string> {
    return this.#held;
  }

  /** Keeps a table from readers until {@link release}, because its files are of an older one. */
  hold(name: string): void {
    this.#held.add(name);
    this.#inOrder = undefined;
  }

  /** Shows a table to readers again. */
  release(name: string): void {
    if (this.#held.delete(name)) this.#inOrder = undefined;
  }

  /**
   * Replaces a table after an operation on it: by the one of a registry that was replayed with
   * another start, or by none.
   */
  replace(name: string, start: TableStart, replayed?: TableRegistry): void {
    this.#starts.set(name, start);
    const table = replayed?.get(name);
    if (table === undefined) this.#tables.delete(name);
    else this.#tables.set(name, table);
    this.#lastSeq.set(name, replayed?.lastSeq(name) ?? 0);
    this.#inOrder = undefined;
  }

  /** The names of the tables that operations have changed, also of those that are no more. */
  get changedByOperations(): string[] {
    return [...this.#starts.keys()];
  }

  /** Returns what operations have left of older tables of a name. */
  startOf(name: string): TableStart | undefined {
    return this.#starts.get(name);
  }

  /** The tables that a draft adds or changes. */
  changed(): CanonTable[] {
    return [...this.#tables.values()].filter(table => table !== this.#base?.get(table.name));
  }

  get(name: string): CanonTable | undefined {
    return this.#tables.get(name) ?? this.#base?.get(name);
  }

  /** Returns whether a table exists or is declared. */
  isKnown(name: string): boolean {
    return this.get(name) !== undefined || this.#declared.has(name);
  }

  /** Returns the columns that each file of a table must have, without NULL. */
  required(name: string): string[] {
    const declared = requiredColumns(this.#declared.get(name));
    const key = this.#starts.get(name)?.key ?? [];
    return key.length === 0 ? declared : [...new Set([...declared, ...key])];
  }

  /** Returns the seq of the last job that added to the table, or 0. */
  lastSeq(name: string): number {
    return this.#lastSeq.get(name) ?? this.#base?.lastSeq(name) ?? 0;
  }

  /** Applies a committed artifact. Ignores an artifact whose hint names no table. */
  apply(artifact: RegisteredArtifact): void {
    const name = canonTableOf(artifact.schemaHint);
    if (name === undefined) return;
    const table = this.get(name) ?? newTable(name, this.#declared.get(name), this.#starts.get(name));
    const fixedBy = this.#declared.has(name) ? byConfiguration : byOperation;
    this.#set(evolve(table, artifact.artifactKey, artifact.columns, this.required(name), fixedBy));
    this.#lastSeq.set(name, Math.max(this.lastSeq(name), artifact.seq));
  }

  /** Raises the generation of a table to that of its files, so that the views read them. */
  keepGeneration(name: string, generation: number): void {
    const table = this.get(name);
    if (table !== undefined && table.generation < generation) this.#set({ ...table, generation });
  }

  /** Creates a draft for a batch. Its changes count once the batch is committed. */
  draft(): TableRegistry {
    return new TableRegistry(this.#declared, { base: this, starts: this.#starts });
  }

  /** Takes over the changes of a draft. */
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

/** Stands for the configuration where an operation has set the key. */
const byOperation = '`quantbot-bus table set-key`';

/** A table has one mode, whether the configuration declares it or an operation has set it. */
function mustAgree({ name, mode, key, orderBy }: DeclaredTable, start: TableStart | undefined): void {
  if (start?.mode === undefined) return;
  const set = { mode: start.mode, key: start.key ?? [], orderBy: start.orderBy ?? [] };
  if (isDeepStrictEqual(set, { mode, key, orderBy })) return;
  throw busError('CONFIG_INVALID', `canon.tables.${name} declares another mode or key than an operation has set.`, {
    details: [`declared: ${JSON.stringify({ mode, key, orderBy })}`, `set: ${JSON.stringify(set)}`],
    hint: 'Declare what was set. Or remove the declaration, and set the mode with `quantbot-bus table set-mode`.',
  });
}
