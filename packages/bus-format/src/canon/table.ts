import { type DeclaredTable, defaultTableMode, type TableMode } from '@quantbot/infra/config';
import type { DeclaredColumn } from '../sql.js';

export { canonTableOf } from '@quantbot/infra';

/** A canonical table as it stands after some commit. */
export interface CanonTable {
  name: string;
  mode: TableMode;
  /** The columns that identify a row. Empty for a mode without a key. */
  key: readonly string[];
  /** The columns that decide which row of a key is the newest. */
  orderBy: readonly string[];
  columns: readonly CanonColumn[];
  /**
   * Counts the changes that an older view could not read; part of the names of the table's files.
   */
  generation: number;
}

/** A column of a canonical table and who fixed its type. */
export interface CanonColumn extends DeclaredColumn {
  /** Key of the artifact that brought the column, or {@link byConfiguration}. */
  fixedBy: string;
  /** Every file must have it, without NULL. */
  required: boolean;
}

/** Stands for an artifact's key where the configuration has fixed a column. */
export const byConfiguration = 'bus_config.json';

/** A table before its first artifact: what the configuration says of it, if anything. */
export function newTable(name: string, declared: DeclaredTable | undefined): CanonTable {
  const required = new Set(requiredColumns(declared));
  return {
    name,
    mode: declared?.mode ?? defaultTableMode,
    key: declared?.key ?? [],
    orderBy: declared?.orderBy ?? [],
    columns: (declared?.columns ?? []).map(column => ({
      name: column.name,
      type: column.type,
      fixedBy: byConfiguration,
      required: required.has(column.name),
    })),
    generation: 0,
  };
}

/**
 * The columns that each file of a table must have, without NULL: those declared so, and the key of
 * an upsert.
 */
export const requiredColumns = (declared: DeclaredTable | undefined): string[] => [
  ...new Set([
    ...(declared?.key ?? []),
    ...(declared?.columns ?? []).filter(column => column.notNull).map(column => column.name),
  ]),
];
