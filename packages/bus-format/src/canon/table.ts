import { type DeclaredTable, defaultTableMode, type TableMode } from '@quantbot/infra/config';
import type { RetypedColumn, SetMode } from '../journal/table-operations.js';
import type { DeclaredColumn } from '../sql.js';

export { canonTableOf } from '@quantbot/infra/bus';

/** A canonical table after some commit. */
export interface CanonTable {
  /** Its first name, which identifies it. Its files have it. */
  name: string;
  /** The name under which readers find it, if that is another. See {@link shownName}. */
  shownAs?: string;
  mode: TableMode;
  /** The columns that identify a row. Empty for a mode without a key. */
  key: readonly string[];
  /** The columns that decide which row of a key is the newest. */
  orderBy: readonly string[];
  columns: readonly CanonColumn[];
  /** The number of changes that an older view could not read. Part of the file names. */
  generation: number;
  /** The job that dropped an older table of this name. Artifacts up to it are not in the table. */
  after?: number;
  /** The columns whose type an operation has set, also those that no file has brought yet. */
  types?: readonly RetypedColumn[];
}

/** A column of a canonical table, and what fixed its type. */
export interface CanonColumn extends DeclaredColumn {
  /** Key of the first artifact with the column, or {@link byConfiguration}. */
  fixedBy: string;
  /** Each file must have the column, without NULL. */
  required: boolean;
  /**
   * Whether compacted files may have the column with a type of fewer digits. DuckDB rounds the
   * constant of a filter to the type of the file: `price = 1.555` finds 1.56 in a DECIMAL(9,2).
   */
  recast?: true;
  /** A wider type that holds each value so far, too. A file of that type widens the column. */
  also?: string;
  /** Whether every value so far is NULL. A file of any other type then gives the column its own. */
  open?: true;
  /** The types that it had before an operation set its type. */
  was?: readonly string[];
}

/** Returns the name under which readers find a table. */
export const shownName = ({ name, shownAs = name }: Pick<CanonTable, 'name' | 'shownAs'>): string => shownAs;

/** Returns a table with another name for readers. */
export function withShownName({ shownAs: _, ...table }: CanonTable, name: string): CanonTable {
  return name === table.name ? table : { ...table, shownAs: name };
}

/** Stands for an artifact's key if the configuration fixed a column. */
export const byConfiguration = 'bus_config.json';

/** Stands for an artifact's key if an operation fixed the type of a column. */
export const byRetype = '`quantbot-bus table retype`';

/** Whether the type of a column was chosen by people. Then no file widens it. */
export const isChosen = ({ fixedBy, was }: Pick<CanonColumn, 'fixedBy' | 'was'>): boolean =>
  fixedBy === byConfiguration || was !== undefined;

/**
 * What operations have left of the table that had this name before, and the mode and the types that
 * they have set.
 */
export type TableStart = Pick<CanonTable, 'after' | 'generation' | 'types'> & Partial<SetMode>;

/** Returns a table before its first artifact, with its declaration if there is one. */
export function newTable(name: string, declared: DeclaredTable | undefined, start?: TableStart): CanonTable {
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
      ...wasBefore(start, column.name),
    })),
    generation: 0,
    ...start,
  };
}

/** Returns the earlier types of a declared column, if an operation has set its type. */
function wasBefore(start: TableStart | undefined, name: string): Pick<CanonColumn, 'was'> {
  const set = start?.types?.find(column => column.name === name);
  return set === undefined ? {} : { was: set.was };
}

/**
 * Returns the columns that each file of a table must have, without NULL: those declared as
 * required, and the key of an upsert.
 */
export const requiredColumns = (declared: DeclaredTable | undefined): string[] => [
  ...new Set([
    ...(declared?.key ?? []),
    ...(declared?.columns ?? []).filter(column => column.notNull).map(column => column.name),
  ]),
];
