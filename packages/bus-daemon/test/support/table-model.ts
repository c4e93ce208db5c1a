import type { TableMode } from '@quantbot/infra/config';

/** The mode of a table, as an operation sets it. */
export interface Setting {
  mode: TableMode;
  key: string[];
  order_by: string[];
}

const text = 'VARCHAR';

export const append: Setting = { mode: 'append', key: [], order_by: [] };

/** A row without its id. `code` is text that may be a number. */
export type NewRow = { k: string | null; rev: number; code: string };
/** A row, and an id that no other has. */
export type Row = NewRow & { id: number };

/** An artifact of the table. */
export interface Artifact {
  seq: number;
  key: string;
  rows: Row[];
  state: 'there' | 'forgotten' | 'erased';
}

/** What the table was after a job. */
export interface Moment {
  /** The name of the table. */
  name: string;
  after: number;
  setting: Setting;
  /** The type of the column `code`. */
  type: string;
  artifacts: Artifact[];
  /** Those whose rows it had. */
  shown: Artifact[];
}

/**
 * What a bus with one table must hold, said without SQL and without files. The table may have
 * several names one after the other.
 */
export class TableModel {
  readonly artifacts: Artifact[] = [];
  readonly moments: Moment[] = [];
  /** Whether rows have come back that the compacted files lack. */
  isBehind = false;
  #after = 0;
  #setting = append;
  #last = append;
  /** Types that operations have set: in this life of the table, and ever. */
  #type: string | undefined;
  #lastType: string | undefined;
  #rows = 0;
  /** The names that lead to the table. The last one is its name. */
  readonly #names = ['t'];

  get next(): number {
    return this.moments.length + 1;
  }

  get name(): string {
    return this.#names.at(-1) as string;
  }

  /** Returns one of the names that lead to the table. */
  hint(which: number): string {
    return this.#names[which % this.#names.length] as string;
  }

  rename(to: string): void {
    if (this.#own().length > 0 && to !== this.name) this.#names.push(to);
    this.#note();
  }

  named(rows: readonly NewRow[]): Row[] {
    return rows.map(row => ({ ...row, id: ++this.#rows }));
  }

  add(rows: Row[]): void {
    const { mode } = this.#setting;
    if ((mode !== 'upsert' || rows.every(({ k }) => k !== null)) && this.#holds(this.#type, rows))
      this.artifacts.push({ seq: this.next, key: `r${this.next}/tests/t/t`, rows, state: 'there' });
    this.#note();
  }

  set(setting: Setting): void {
    const isNew = JSON.stringify(setting) !== JSON.stringify(this.#setting);
    if (isNew && this.#own().length > 0 && this.#fits(setting, this.#own())) {
      this.#setting = setting;
      this.#last = setting;
      this.#eraseForgotten();
    }
    this.#note();
  }

  retype(type: string): void {
    const own = this.#own();
    const stays = own.filter(({ state }) => state !== 'erased').every(({ rows }) => this.#holds(type, rows));
    if (own.length > 0 && type !== (this.#type ?? text) && stays) {
      this.#type = type;
      this.#lastType = type;
    }
    this.#note();
  }

  drop(): void {
    if (this.#own().length > 0) {
      for (const artifact of this.#own()) if (artifact.state === 'forgotten') artifact.state = 'erased';
      this.#after = this.next;
      this.#setting = append;
      this.#type = undefined;
    }
    this.#note();
  }

  restore(): void {
    const stored = this.artifacts.filter(({ state }) => state !== 'erased');
    const fits =
      this.#fits(this.#last, this.artifacts) && stored.every(({ rows }) => this.#holds(this.#lastType, rows));
    if (this.#after > 0 && fits) {
      const own = this.#own();
      this.#after = 0;
      this.#setting = this.#last;
      this.#type = this.#lastType;
      this.#eraseForgotten(own);
    }
    this.#note();
  }

  forget(artifact: Artifact | undefined, rows: 'default' | 'drop'): void {
    if (artifact !== undefined && artifact.state !== 'erased') {
      const leaves = rows === 'drop' || artifact.seq <= this.#after || this.#setting.mode !== 'append';
      if (leaves) artifact.state = 'erased';
      else artifact.state = 'forgotten';
    }
    this.#note();
  }

  /** The bytes of an artifact come again. Its rows come back if they fit what the table is now. */
  bringBack(artifact: Artifact | undefined): void {
    if (artifact !== undefined && artifact.state !== 'there') {
      const { mode } = this.#setting;
      const hasKeys = mode !== 'upsert' || artifact.rows.every(({ k }) => k !== null);
      if (hasKeys && (artifact.seq <= this.#after || this.#holds(this.#type, artifact.rows))) {
        this.isBehind ||= artifact.state === 'erased';
        artifact.state = 'there';
      }
    }
    this.#note();
  }

  #own(): Artifact[] {
    return this.artifacts.filter(({ seq }) => seq > this.#after);
  }

  #fits({ mode }: Setting, artifacts: readonly Artifact[]): boolean {
    const stored = artifacts.filter(({ state }) => state === 'there');
    return mode !== 'upsert' || stored.every(artifact => artifact.rows.every(({ k }) => k !== null));
  }

  /** A number has no zeros in front. */
  #holds(type: string | undefined, rows: readonly NewRow[]): boolean {
    return type === undefined || type === text || rows.every(({ code }) => String(Number(code)) === code);
  }

  #eraseForgotten(own = this.#own()): void {
    if (this.#setting.mode === 'append') return;
    for (const artifact of own) if (artifact.state === 'forgotten') artifact.state = 'erased';
  }

  #note(): void {
    const artifacts = this.#own();
    const shown = artifacts.filter(({ state }) => state !== 'erased');
    this.moments.push({
      name: this.name,
      after: this.#after,
      setting: this.#setting,
      type: this.#type ?? text,
      artifacts,
      shown,
    });
  }
}

/** The ids of the rows that a table shows. */
export function idsOf({ setting: { mode, order_by }, shown }: Moment): number[] {
  const newest = shown.at(-1);
  if (mode === 'latest') return newest?.rows.map(({ id }) => id) ?? [];
  const all = shown.flatMap(artifact => artifact.rows);
  if (mode === 'append') return all.map(({ id }) => id);
  const best = new Map<string | null, Row>();
  for (const row of all) {
    const there = best.get(row.k);
    if (there === undefined || order_by.length === 0 || row.rev >= there.rev) best.set(row.k, row);
  }
  return [...best.values()].map(({ id }) => id).sort((a, b) => a - b);
}
