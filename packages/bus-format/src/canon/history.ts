import type { DeclaredTable } from '@quantbot/infra/config';
import type { JournalledTableOperation } from '../journal/table-operations.js';
import { type RegisteredArtifact, TableRegistry } from './registry.js';
import { byRetype, type CanonTable, canonTableOf } from './table.js';
import { tableStarts } from './table-starts.js';

/** A schema of a canonical hint, with the first artifact that had it. */
export interface FirstOfSchema extends RegisteredArtifact {
  firstSeq: number;
  /** Milliseconds since 1970. */
  firstCommittedAtMs: number;
}

/** An operation that has set the type of a column. */
export type Retype = JournalledTableOperation & {
  /** Time of the commit, in milliseconds since 1970. */
  committedAtMs: number;
};

/** What an artifact or an operation changed in a canonical table. */
export interface TableChange {
  seq: number;
  /** The key of the artifact, or a command. */
  artifactKey: string;
  /** Time of the commit, in milliseconds since 1970. */
  at: number;
  /** `from` is null for a new column. */
  changes: { column: string; from: string | null; to: string }[];
}

/**
 * Returns the changes of a canonical table's columns, oldest first. Declared columns exist before
 * the first change.
 *
 * @param retypes the operations on this life of the table that have set types, oldest first.
 */
export function tableHistory(
  name: string,
  schemas: readonly FirstOfSchema[],
  declared: readonly DeclaredTable[],
  retypes: readonly Retype[] = [],
): TableChange[] {
  const own = schemas.filter(({ table, schemaHint }) => (table ?? canonTableOf(schemaHint)) === name);
  const set = retypes.filter(({ table }) => table === name);
  const history: TableChange[] = [];
  let registry = TableRegistry.replay([], declared);
  const note = (change: Omit<TableChange, 'changes'>, before: CanonTable | undefined) => {
    const changes = changesBetween(before, registry.get(name));
    if (changes.length > 0) history.push({ ...change, changes });
  };
  const applied: FirstOfSchema[] = [];
  const applyUpTo = (seq: number) => {
    for (const schema of own.slice(applied.length)) {
      const { firstSeq, artifactKey, firstCommittedAtMs: at } = schema;
      if (firstSeq > seq) break;
      const before = registry.get(name);
      registry.apply(schema, { isCommitted: true });
      applied.push(schema);
      note({ seq: firstSeq, artifactKey, at }, before);
    }
  };
  for (const [index, { seq, committedAtMs: at }] of set.entries()) {
    applyUpTo(seq);
    const before = registry.get(name);
    registry = TableRegistry.replay(applied, declared, { starts: tableStarts(set.slice(0, index + 1)) });
    note({ seq, artifactKey: byRetype, at }, before);
  }
  applyUpTo(Number.POSITIVE_INFINITY);
  return history;
}

function changesBetween(before: CanonTable | undefined, after: CanonTable | undefined): TableChange['changes'] {
  const known = new Map(before?.columns.map(column => [column.name, column.type]));
  return (after?.columns ?? [])
    .filter(({ name, type }) => known.get(name) !== type)
    .map(({ name, type }) => ({ column: name, from: known.get(name) ?? null, to: type }));
}
