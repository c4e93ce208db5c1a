import { canonTableOf } from '@quantbot/infra/bus';
import { literal } from '../sql.js';

/** A name that an operation has given to a canonical table. */
export interface GivenName {
  /** The operation. Later artifacts with the name as their hint are in the table. */
  seq: number;
  name: string;
  /** The table, by its first name. */
  table: string;
}

/** Artifacts with a hint that are in one table: those of the jobs after one, up to another. */
export interface HintRange {
  hint: string;
  after: number;
  upTo: number;
}

/**
 * The one place that says to which canonical table a schema hint leads. A table is identified by
 * its first name, which its files keep. A hint leads to the table that got its name last, and
 * without such an operation to the table of that first name.
 */
export class TableNames {
  /** No table has got another name. */
  static readonly none = new TableNames([]);
  readonly #given: readonly GivenName[];

  /** @param given oldest first. */
  constructor(given: readonly GivenName[]) {
    this.#given = given;
  }

  /** Returns whether no table has ever got another name. */
  get areFirst(): boolean {
    return this.#given.length === 0;
  }

  /** The names as they are after one more operation. */
  with(given: GivenName): TableNames {
    return new TableNames([...this.#given, given]);
  }

  /** The names as they were for the artifacts of a job. */
  before(seq: number): TableNames {
    return this.areFirst ? this : new TableNames(this.#given.filter(given => given.seq < seq));
  }

  /**
   * Returns the table of an artifact by its hint, by first name; undefined for a hint that is
   * recorded only.
   *
   * @param seq the artifact's job; by default one of today.
   */
  tableOf(hint: string | undefined | null, seq = Number.POSITIVE_INFINITY): string | undefined {
    const name = canonTableOf(hint);
    return this.#given.findLast(given => given.name === name && given.seq < seq)?.table ?? name;
  }

  /** Returns the name under which readers find a table. */
  nameOf(table: string): string {
    return this.#given.findLast(given => given.table === table)?.name ?? table;
  }

  /** Returns the table that has a name, whether it exists or not; undefined if it has lost it. */
  tableNamed(name: string): string | undefined {
    const table = this.tableOf(`canon.${name}`) ?? name;
    return this.nameOf(table) === name ? table : undefined;
  }

  /** Returns the operation that gave a name last, or 0. */
  givenAt(name: string): number {
    return this.#given.findLast(given => given.name === name)?.seq ?? 0;
  }

  /** Returns all names that tables have had which an operation has named, the first ones too. */
  get all(): string[] {
    return [...new Set(this.#given.flatMap(({ name, table }) => [name, table]))];
  }

  /** Returns SQL for the table of a row of the journal that has a canonical hint. */
  tableSql(hint = 'schema_hint', seq = 'seq'): string {
    const name = `lower(substr(${hint}, 7))`;
    const cases = this.#given
      .toReversed()
      .map(given => ` WHEN ${name} = ${literal(given.name)} AND ${seq} > ${given.seq} THEN ${literal(given.table)}`);
    return cases.length === 0 ? name : `CASE${cases.join('')} ELSE ${name} END`;
  }

  /** Returns SQL for the name of that table today. */
  shownSql(): string {
    const table = this.tableSql();
    const renamed = [...new Set(this.#given.map(given => given.table))];
    const cases = renamed.map(first => ` WHEN ${literal(first)} THEN ${literal(this.nameOf(first))}`);
    return cases.length === 0 ? table : `CASE ${table}${cases.join('')} ELSE ${table} END`;
  }

  /** Returns the hints that lead to a table, or have led to it. */
  hintsOf(table: string): HintRange[] {
    const names = [table, ...this.#given.filter(given => given.table === table).map(({ name }) => name)];
    return [...new Set(names)].flatMap(name => {
      const turns = [{ seq: 0, table: name }, ...this.#given.filter(given => given.name === name)];
      return turns.flatMap((turn, at) =>
        turn.table === table
          ? [{ hint: `canon.${name}`, after: turn.seq, upTo: turns[at + 1]?.seq ?? Number.MAX_SAFE_INTEGER }]
          : [],
      );
    });
  }
}
