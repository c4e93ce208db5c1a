import type { DeclaredTable } from '@quantbot/infra/config';
import { type RegisteredArtifact, TableRegistry } from './registry.js';
import { type CanonTable, canonTableOf } from './table.js';

/** A schema of a canonical hint, with the first artifact that had it. */
export interface FirstOfSchema extends RegisteredArtifact {
  firstSeq: number;
  /** Milliseconds since 1970. */
  firstCommittedAtMs: number;
}

/** What an artifact changed in a canonical table. */
export interface TableChange {
  seq: number;
  artifactKey: string;
  /** Time of the commit, in milliseconds since 1970. */
  at: number;
  /** `from` is null for a new column. */
  changes: { column: string; from: string | null; to: string }[];
}

/**
 * Returns the changes of a canonical table's columns, oldest first. Declared columns exist before
 * the first change.
 */
export function tableHistory(
  name: string,
  schemas: readonly FirstOfSchema[],
  declared: readonly DeclaredTable[],
): TableChange[] {
  const own = schemas.filter(({ table, schemaHint }) => (table ?? canonTableOf(schemaHint)) === name);
  const registry = TableRegistry.replay([], declared);
  const history: TableChange[] = [];
  for (const schema of own) {
    const before = registry.get(name);
    registry.apply(schema);
    const changes = changesBetween(before, registry.get(name));
    if (changes.length > 0)
      history.push({ seq: schema.firstSeq, artifactKey: schema.artifactKey, at: schema.firstCommittedAtMs, changes });
  }
  return history;
}

function changesBetween(before: CanonTable | undefined, after: CanonTable | undefined): TableChange['changes'] {
  const known = new Map(before?.columns.map(column => [column.name, column.type]));
  return (after?.columns ?? [])
    .filter(({ name, type }) => known.get(name) !== type)
    .map(({ name, type }) => ({ column: name, from: known.get(name) ?? null, to: type }));
}
