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

/** A file of a job. */
export interface File {
  /** Undefined for a file of two rows that has only NULLs, and no column of the rows. */
  rows: Row[] | undefined;
  /** Whether its rows go into the table. */
  hasHint: boolean;
  /** The type of a column `x` with the ids; null if it has none. Types widen. */
  x: 'SMALLINT' | 'INTEGER' | 'BIGINT' | null;
}

export interface Job {
  run: string;
  /** Jobs of a run have the same bytes if they have the same content. */
  content: string;
  inputs: string[];
  files: File[];
}

export interface Artifact extends File {
  key: string;
  seq: number;
  content: string;
  inputs: string[];
  state: 'there' | 'forgotten' | 'erased';
}

/** An operation on the table. */
export type TableOp =
  | { type: 'table_rename'; to: string }
  | ({ type: 'table_set_mode' } & Setting)
  | { type: 'table_retype'; column: 'code'; column_type: string }
  | { type: 'table_drop' | 'table_restore' };

export type Op =
  | (TableOp & { table: string })
  | { type: 'forget'; artifact_keys: string[]; force: boolean; rows: 'default' | 'drop' }
  | { type: 'keep'; artifact_keys: string[]; keep: boolean }
  | { type: 'alias'; producer: string; kind: string; alias: string; artifact_key: string | null };

/** What becomes of a job: its status, and those of its artifacts or forgotten keys. */
export interface Outcome {
  status: 'ingested' | 'duplicate' | 'rejected';
  details: string[];
}

/** What the bus was after a job. */
export interface Moment {
  outcome: Outcome;
  /** The name of the table. */
  name: string;
  setting: Setting;
  /** The type of the column `code`. */
  type: string;
  artifacts: Artifact[];
  /** Those whose rows the table had. */
  shown: Artifact[];
  aliases: [alias: string, key: string][];
  keeps: string[];
}

export const keyOf = (run: string, index: number): string => `${run}/tests/k/${'ab'[index]}`;

/**
 * What a bus with one table must hold, said without SQL and without files. The table may have
 * several names one after the other.
 */
export class BusModel {
  /** All artifacts, of the table or not. */
  readonly artifacts: Artifact[] = [];
  readonly moments: Moment[] = [];
  /** The names that lead to the table. The last one is its name. */
  readonly names = ['t'];
  readonly #aliases = new Map<string, string>();
  readonly #keeps = new Set<string>();
  #after = 0;
  #setting = append;
  #last = append;
  /** Types that operations have set: in this life of the table, and ever. */
  #type: string | undefined;
  #lastType: string | undefined;
  #rows = 0;

  get next(): number {
    return this.moments.length + 1;
  }

  get name(): string {
    return this.names.at(-1) as string;
  }

  /** Returns the hint for one of the names that lead to the table. */
  hint(which: number): string {
    return `canon.${this.names[which % this.names.length]}`;
  }

  named(rows: readonly NewRow[]): Row[] {
    return rows.map(row => ({ ...row, id: ++this.#rows }));
  }

  /** Returns the artifacts of the table as it is now. */
  own(): Artifact[] {
    return this.artifacts.filter(({ hasHint, seq }) => hasHint && seq > this.#after);
  }

  /** Takes the next job. */
  apply(what: Job | Op): Outcome {
    const outcome = 'files' in what ? this.#submit(what) : this.#operate(what);
    const artifacts = this.own();
    this.moments.push({
      outcome,
      name: this.name,
      setting: this.#setting,
      type: this.#type ?? text,
      artifacts,
      shown: artifacts.filter(({ state }) => state !== 'erased'),
      aliases: [...this.#aliases],
      keeps: [...this.#keeps],
    });
    return outcome;
  }

  #submit({ run, content, inputs, files }: Job): Outcome {
    const known = files.map((_, index) => this.#find(keyOf(run, index)));
    const clashes = known.some(there => there !== undefined && there.content !== content);
    if (clashes || !files.every((file, index) => this.#takes(file, known[index]))) return rejected;
    const details = files.map((file, index) => {
      const there = known[index];
      if (there?.state === 'there') return 'duplicate';
      if (there === undefined) {
        this.artifacts.push({ ...file, key: keyOf(run, index), seq: this.next, inputs, content, state: 'there' });
        return 'ingested';
      }
      there.state = 'there';
      return 'restored';
    });
    return { status: details.every(each => each === 'duplicate') ? 'duplicate' : 'ingested', details };
  }

  /** Whether a file fits what the table is now, if it is new or comes back. */
  #takes(file: File, there: Artifact | undefined): boolean {
    if (!file.hasHint || there?.state === 'there') return true;
    if (this.#setting.mode === 'upsert' && !hasKeys(file)) return false;
    return (there !== undefined && there.seq <= this.#after) || holds(this.#type, file);
  }

  #operate(op: Op): Outcome {
    if (op.type === 'forget') return done(op.artifact_keys.map(key => this.#forget(key, op)));
    if (op.type === 'keep') {
      if (op.keep && !op.artifact_keys.every(key => this.#isThere(key))) return rejected;
      for (const key of op.artifact_keys) op.keep ? this.#keeps.add(key) : this.#keeps.delete(key);
      return done();
    }
    if (op.type === 'alias') {
      if (op.artifact_key === null) this.#aliases.delete(op.alias);
      else if (this.#isThere(op.artifact_key)) this.#aliases.set(op.alias, op.artifact_key);
      else return rejected;
      return done();
    }
    if (op.type === 'table_restore') return this.#restore(op.table);
    const own = this.own();
    return op.table === this.name && own.length > 0 && this.#change(op, own) ? done() : rejected;
  }

  /** Changes the table that is there. Returns whether that is possible. */
  #change(op: TableOp, own: readonly Artifact[]): boolean {
    if (op.type === 'table_rename') {
      if (op.to === this.name) return false;
      this.names.push(op.to);
    } else if (op.type === 'table_set_mode') {
      const { mode, key, order_by } = op;
      const setting = { mode, key, order_by };
      const isNew = JSON.stringify(setting) !== JSON.stringify(this.#setting);
      if (!isNew || !fitsMode(setting, own)) return false;
      this.#setting = setting;
      this.#last = setting;
      if (mode !== 'append') eraseForgotten(own);
    } else if (op.type === 'table_retype') {
      const stays = own.every(file => file.state === 'erased' || holds(op.column_type, file));
      const isThere = own.some(({ rows }) => rows !== undefined);
      if (!isThere || op.column_type === (this.#type ?? text) || !stays) return false;
      this.#type = op.column_type;
      this.#lastType = op.column_type;
    } else {
      eraseForgotten(own);
      this.#after = this.next;
      this.#setting = append;
      this.#type = undefined;
    }
    return true;
  }

  #restore(table: string): Outcome {
    const all = this.artifacts.filter(({ hasHint }) => hasHint);
    const fits = fitsMode(this.#last, all) && all.every(file => file.state === 'erased' || holds(this.#lastType, file));
    if (table !== this.name || this.#after === 0 || !fits) return rejected;
    if (this.#last.mode !== 'append') eraseForgotten(this.own());
    this.#after = 0;
    this.#setting = this.#last;
    this.#type = this.#lastType;
    return done();
  }

  #forget(key: string, { force, rows }: { force: boolean; rows: 'default' | 'drop' }): string {
    const artifact = this.#find(key);
    if (artifact === undefined) return 'unknown';
    const { state, seq, hasHint } = artifact;
    if (state === 'there' && !force && this.#isProtected(artifact)) return 'protected';
    const leaves = rows === 'drop' || (hasHint && (seq <= this.#after || this.#setting.mode !== 'append'));
    if (state !== 'erased') artifact.state = leaves ? 'erased' : 'forgotten';
    return state === 'there' || artifact.state !== state ? 'forgotten' : 'already_forgotten';
  }

  #isProtected({ key, seq }: Artifact): boolean {
    const kept = new Set([...this.#keeps, ...this.#aliases.values()]);
    for (const each of kept) for (const input of this.#find(each)?.inputs ?? []) kept.add(input);
    const isOlder = this.artifacts.some(
      other => other.key.at(-1) === key.at(-1) && other.seq > seq && other.state === 'there',
    );
    return kept.has(key) || !isOlder;
  }

  #find(key: string): Artifact | undefined {
    return this.artifacts.find(artifact => artifact.key === key);
  }

  #isThere(key: string): boolean {
    return this.#find(key)?.state === 'there';
  }
}

const rejected: Outcome = { status: 'rejected', details: [] };
const done = (details: string[] = []): Outcome => ({ status: 'ingested', details });

const hasKeys = ({ rows }: File): boolean => rows?.every(({ k }) => k !== null) ?? false;

const fitsMode = ({ mode }: Setting, artifacts: readonly Artifact[]): boolean =>
  mode !== 'upsert' || artifacts.every(artifact => artifact.state !== 'there' || hasKeys(artifact));

/** A number has no zeros in front. */
const holds = (type: string | undefined, { rows = [] }: File): boolean =>
  type === undefined || type === text || rows.every(({ code }) => String(Number(code)) === code);

function eraseForgotten(artifacts: readonly Artifact[]): void {
  for (const artifact of artifacts) if (artifact.state === 'forgotten') artifact.state = 'erased';
}

/** A row as the table shows it. A file that has only NULLs has rows without values. */
export type ShownRow = { id: number | null; code: string | null; x: number | null };

/** Returns the rows that the table showed at a moment, by id. Codes are printed as their type. */
export function shownRows({ setting: { mode, order_by }, type, shown }: Moment): ShownRow[] {
  const fraction = { DOUBLE: '.0', 'DECIMAL(9,2)': '.00' }[type] ?? '';
  const newest = shown.at(-1)?.seq;
  const best = new Map<unknown, { rev: number; row: ShownRow }>();
  for (const { seq, rows, x } of shown) {
    if (mode === 'latest' && seq !== newest) continue;
    if (rows === undefined)
      for (const _ of [1, 2]) best.set(Symbol(), { rev: 0, row: { id: null, code: null, x: null } });
    for (const { k, rev, code, id } of rows ?? []) {
      const key = mode === 'upsert' ? k : id;
      const isNewest = order_by.length === 0 || rev >= (best.get(key)?.rev ?? 0);
      if (isNewest) best.set(key, { rev, row: { id, code: `${code}${fraction}`, x: x === null ? null : id } });
    }
  }
  return [...best.values()].map(({ row }) => row).sort((a, b) => (a.id ?? 0) - (b.id ?? 0));
}
