import type { DeclaredColumn } from '../sql.js';

/** A canonical table as it stands after some commit. */
export interface CanonTable {
  name: string;
  columns: readonly CanonColumn[];
  /** Counts the changes that an older view could not read; part of the names of the table's files. */
  generation: number;
}

/** A column of a canonical table and the artifact that fixed its type. */
export interface CanonColumn extends DeclaredColumn {
  /** Key of the artifact that brought the column. */
  fixedBy: string;
}

const tablePattern = /^canon\.([A-Za-z_][A-Za-z0-9_]{0,62})$/;

/** The table that a schema hint names, in lower case (SQL names ignore case); undefined for a hint that is recorded only. */
export function canonTableOf(schemaHint: string | undefined | null): string | undefined {
  return tablePattern.exec(schemaHint ?? '')?.[1]?.toLowerCase();
}

/** Whether a hint is meant for a canonical table but names none that could exist. */
export const isBadCanonHint = (schemaHint: string | undefined): boolean =>
  schemaHint !== undefined && /^canon(\.|$)/.test(schemaHint) && canonTableOf(schemaHint) === undefined;
