import { BusError } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import type { DeclaredTable } from '@quantbot/infra/config';
import { TableNames } from '../journal/table-names.js';
import { declaredFirst, mustAgree } from './declared.js';
import { evolve } from './evolve.js';
import type { FileColumn } from './exact.js';
import {
  byConfiguration,
  type CanonTable,
  newTable,
  requiredColumns,
  shownName,
  type TableStart,
  withShownName,
} from './table.js';

/** What the registry needs from a committed artifact. */
export interface RegisteredArtifact {
  seq: number;
  schemaHint: string;
  artifactKey: string;
  columns: readonly FileColumn[];
  /** The table that it is in, by first name. By default its hint leads to it. */
  table?: string | undefined;
}

/** What operations have made of canonical tables. */
export interface ChangedTables {
  /** What operations have left of older tables of the same names. */
  starts?: Map<string, TableStart>;
  /** The names that operations have given. */
  names?: TableNames;
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
  #names: TableNames;
  /** Tables whose compacted files are those of an older table of the name. */
  readonly #held = new Set<string>();

  private constructor(
    declared: ReadonlyMap<string, DeclaredTable>,
    { base, starts = new Map(), names = TableNames.none }: ChangedTables & { base?: TableRegistry } = {},
  ) {
    this.#declared = declared;
    this.#base = base;
    this.#starts = starts;
    this.#names = names;
  }

  /**
   * Replays the distinct schemas of each table, each with its first artifact.
   *
   * @param changed what operations have made of tables. The artifacts of older tables must not be
   * among `artifacts`.
   * @throws BusError `CONFIG_INVALID` if a declared table does not fit artifacts that were
   * committed before, declares another mode than an operation has set, or has another name now.
   */
  static replay(
    artifacts: Iterable<RegisteredArtifact>,
    declared: readonly DeclaredTable[] = [],
    { starts = new Map(), names = TableNames.none }: ChangedTables = {},
  ): TableRegistry {
    const registry = new TableRegistry(new Map(declared.map(table => [table.name, table])), { starts, names });
    for (const table of declared) {
      const first = declaredFirst(table.name, names);
      mustAgree(table, starts.get(first));
      if (table.columns.length > 0) registry.#set(registry.#new(first));
    }
    for (const artifact of artifacts) {
      try {
        registry.apply(artifact, { isCommitted: true });
      } catch (error) {
        const declaration = registry.#declaredOf(registry.#tableOf(artifact) ?? '');
        if (!(error instanceof BusError) || declaration === undefined) throw error;
        throw busError('CONFIG_INVALID', `canon.tables.${declaration.name} does not fit the existing table.`, {
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
    return this.get(name) !== undefined || this.#declaredOf(name) !== undefined;
  }

  /** Returns the table to which a schema hint leads today, by first name. */
  tableOf(schemaHint: string | undefined | null): string | undefined {
    return this.#names.tableOf(schemaHint);
  }

  /** Returns the table that readers find under a name, whether they may see it now or not. */
  named(name: string): CanonTable | undefined {
    return this.get(this.firstNameOf(name) ?? '');
  }

  /** Returns the first name of the table that has a name; undefined if it has another by now. */
  firstNameOf(name: string): string | undefined {
    return this.#names.tableNamed(name);
  }

  /** Returns the operation that gave a table its name, or 0 if it is its first one. */
  namedAt(name: string): number {
    return this.#names.givenAt(name);
  }

  /** Returns the names under which readers have found tables, and find none any more. */
  get lostNames(): string[] {
    const names = [...this.changedByOperations.map(table => this.nameOf(table)), ...this.#names.all];
    return [...new Set(names)].filter(name => this.named(name) === undefined);
  }

  /** The names that operations have given. */
  get names(): TableNames {
    return this.#names;
  }

  /** Returns the name under which readers find a table, whether it exists or not. */
  nameOf(table: string): string {
    return this.#names.nameOf(table);
  }

  /** Takes over the names of tables after an operation. */
  rename(names: TableNames): void {
    this.#names = names;
    for (const table of this.#tables.values())
      if (shownName(table) !== names.nameOf(table.name)) this.#set(withShownName(table, names.nameOf(table.name)));
  }

  /** Returns the columns that each file of a table must have, without NULL. */
  required(name: string): string[] {
    const declared = requiredColumns(this.#declaredOf(name));
    const key = this.#starts.get(name)?.key ?? [];
    return key.length === 0 ? declared : [...new Set([...declared, ...key])];
  }

  /** Returns the seq of the last job that added to the table, or 0. */
  lastSeq(name: string): number {
    return this.#lastSeq.get(name) ?? this.#base?.lastSeq(name) ?? 0;
  }

  /**
   * Applies an artifact. Ignores an artifact whose hint names no table.
   *
   * @param options.isCommitted whether it is in the journal already.
   */
  apply(artifact: RegisteredArtifact, { isCommitted = false }: { isCommitted?: boolean } = {}): void {
    const name = this.#tableOf(artifact);
    if (name === undefined) return;
    const table = this.get(name) ?? this.#new(name);
    const requiredBy = this.#declaredOf(name) === undefined ? byOperation : byConfiguration;
    const isKeySet = this.#starts.get(name)?.mode !== undefined;
    const options = { required: this.required(name), requiredBy, isCommitted, isKeySet };
    this.#set(evolve(table, artifact.artifactKey, artifact.columns, options));
    this.#lastSeq.set(name, Math.max(this.lastSeq(name), artifact.seq));
  }

  /** Becomes another registry: for programs that share this one. */
  become(other: TableRegistry): void {
    for (const own of [this.#tables, this.#lastSeq, this.#starts]) own.clear();
    for (const [name, start] of other.#starts) this.#starts.set(name, start);
    this.#names = other.#names;
    this.#inOrder = undefined;
    this.adopt(other);
  }

  /** Raises the generation of a table to that of its files, so that the views read them. */
  keepGeneration(name: string, generation: number): void {
    const table = this.get(name);
    if (table !== undefined && table.generation < generation) this.#set({ ...table, generation });
  }

  /** Creates a draft for a batch. Its changes count once the batch is committed. */
  draft(): TableRegistry {
    return new TableRegistry(this.#declared, { base: this, starts: this.#starts, names: this.#names });
  }

  /** Takes over the changes of a draft. */
  adopt(draft: TableRegistry): void {
    for (const table of draft.#tables.values()) this.#set(table);
    for (const [name, seq] of draft.#lastSeq) this.#lastSeq.set(name, seq);
  }

  #tableOf({ table, schemaHint }: RegisteredArtifact): string | undefined {
    return table ?? this.#names.tableOf(schemaHint);
  }

  #declaredOf(table: string): DeclaredTable | undefined {
    return this.#declared.get(this.#names.nameOf(table));
  }

  /** Returns a table before its first artifact. */
  #new(name: string): CanonTable {
    const table = newTable(name, this.#declaredOf(name), this.#starts.get(name));
    return withShownName(table, this.#names.nameOf(name));
  }

  #set(table: CanonTable): void {
    if (this.#tables.get(table.name) === table) return;
    this.#tables.set(table.name, table);
    this.#inOrder = undefined;
  }
}

/** Stands for the configuration where an operation has set the key and the order. */
const byOperation = '`quantbot-bus table set-key`';
