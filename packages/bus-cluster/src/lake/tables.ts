import {
  type CanonTable,
  originColumns,
  parseNested,
  shownName,
  shownRows,
  type TableNames,
} from '@quantbot/bus-format/canon';
import { isOfTable, withoutErased } from '@quantbot/bus-format/journal';
import { type DeclaredColumn, identifier } from '@quantbot/bus-format/sql';
import { nullType } from '@quantbot/infra/bus';

/** Types that DuckLake cannot hold in a table, each with a substitute. */
const unsupported: [RegExp, string][] = [
  [/\bENUM\(/, 'VARCHAR'],
  [/\[\d+\]/, 'a list without fixed length'],
  [/\bBIT\b/, 'VARCHAR or BLOB'],
  [/\bBIGNUM\b/, 'VARCHAR or DECIMAL'],
  [/\bUNION\(/, 'STRUCT'],
  [/\bU?HUGEINT\b/, 'DECIMAL(38,0) or VARCHAR'],
  [/\bTIME WITH TIME ZONE\b|\bTIMETZ\b/, 'TIME, or TIMESTAMP WITH TIME ZONE'],
  [/\bVARIANT\b/, 'JSON text in a VARCHAR'],
  [/\bGEOMETRY\b/, 'BLOB (WKB)'],
];

/** Returns a sentence for each column that a table of the lake cannot have. */
export const unsupportedColumns = (columns: readonly DeclaredColumn[]): string[] =>
  columns.flatMap(({ name, type }) => {
    const [, instead] = unsupported.find(([pattern]) => pattern.test(withoutNames(type))) ?? [];
    return instead === undefined ? [] : [`${name}: DuckLake cannot hold ${type}; write ${instead}`];
  });

/** Removes names of fields, which may look like types. */
const withoutNames = (type: string): string => type.replace(/"(?:[^"]|"")*"(?! *\[)/g, '');

/** The tables of DuckLake's own catalog. */
export const metadata = '__ducklake_metadata_lake';

/** Returns `_files.<table>`: all rows of a table, as files of the lake. */
export const filesOf = (table: string): string => `_files.${identifier(table)}`;

/**
 * Returns the columns of a table in the lake. A column with only NULL so far has no type, and is
 * left out.
 */
export const lakeColumns = (table: Pick<CanonTable, 'columns'>): DeclaredColumn[] => [
  ...lakeTypes(table).filter((_, index) => table.columns[index]?.type !== nullType),
  ...originColumns,
];

/** Returns a table's columns with INTEGER, also in lists, where the type is not known yet. */
export const lakeTypes = ({ columns }: Pick<CanonTable, 'columns'>): DeclaredColumn[] =>
  columns.map(({ name, type, unnamed }) => ({
    name,
    type: isOpen(type) ? type.replaceAll(nullType, 'INTEGER') : type,
    ...(unnamed && { unnamed }),
  }));

const isOpen = (type: string): boolean => {
  const open = (nested: ReturnType<typeof parseNested>): boolean => {
    switch (nested.kind) {
      case 'plain':
        return nested.text === nullType;
      case 'list':
        return open(nested.of);
      case 'map':
        return open(nested.key) || open(nested.value);
      case 'struct':
        return nested.fields.some(({ type }) => open(type));
    }
  };
  return open(parseNested(type));
};

/** Statements that bring a table of the lake from one state to another. */
export interface TableChange {
  statements: string[];
  /**
   * Whether the old rows must be rewritten with the new types, because DuckLake cannot alter the
   * table that way.
   */
  rewrite: boolean;
}

/** Returns the steps in the lake for a changed table. */
export function changeOf(before: CanonTable | undefined, after: CanonTable): TableChange {
  const columns = lakeColumns(after);
  if (before === undefined) return { statements: [createTable(after.name, columns)], rewrite: false };
  const known = new Map(lakeColumns(before).map(({ name, type }) => [name, type]));
  const statements: string[] = [];
  for (const { name, type } of columns) {
    const there = known.get(name);
    if (there === type) continue;
    if (there === undefined)
      statements.push(`ALTER TABLE ${filesOf(after.name)} ADD COLUMN ${identifier(name)} ${type}`);
    else if (canAlter(there, type))
      statements.push(`ALTER TABLE ${filesOf(after.name)} ALTER COLUMN ${identifier(name)} SET DATA TYPE ${type}`);
    else return { statements: [], rewrite: true };
  }
  return { statements, rewrite: false };
}

/** Returns the statement that creates a table of the lake. */
export const createTable = (table: string, columns: readonly DeclaredColumn[]): string =>
  `CREATE TABLE ${filesOf(table)} (${columns.map(({ name, type }) => `${identifier(name)} ${type}`).join(', ')})`;

/** DuckLake can widen DECIMAL. All other types that the bus widens are nested. */
const canAlter = (from: string, to: string): boolean => /^DECIMAL\(/.test(from) && /^DECIMAL\(/.test(to);

/** What the views of a table need besides the table. */
export interface ViewFacts {
  names: TableNames;
  /** Whether an artifact was ever forgotten. */
  hasForgotten: boolean;
}

/** Returns the SELECT of all rows of a table, whatever its mode shows, with all origin columns. */
export function allRowsOf(table: CanonTable): string {
  const inLake = new Set(lakeColumns(table).map(column => column.name));
  const columns = [...table.columns, ...originColumns].map(column => {
    const known = identifier(column.name);
    if (!inLake.has(column.name)) return `NULL AS ${known}`;
    // Always true, but DuckDB cannot know that, and compares values instead of rounded constants.
    return 'recast' in column ? `CASE WHEN length(_artifact_key) > 0 THEN ${known} END AS ${known}` : known;
  });
  return `SELECT ${columns.join(', ')} FROM ${filesOf(table.name)}`;
}

/** Returns SQL for the newest job that a table has rows of. */
export const newestSeqOf = (table: CanonTable, { names, hasForgotten }: ViewFacts): string =>
  `(SELECT coalesce(max(seq), 0) FROM ${hasForgotten ? withoutErased : '_bus.journal'} WHERE ${isOfTable(table.name, names)} AND seq > ${table.after ?? 0})`;

/** Returns the views over a table: `_rows.<table>` with all origin columns, and `canon.<table>`. */
export function viewsOf(table: CanonTable, { names, hasForgotten }: ViewFacts): string[] {
  const name = identifier(shownName(table));
  const newest = newestSeqOf(table, { names, hasForgotten });
  return [
    `CREATE OR REPLACE VIEW _rows.${name} AS ${shownRows(table, allRowsOf(table), newest)}`,
    `CREATE OR REPLACE VIEW canon.${name} AS SELECT * EXCLUDE (_ordinal, _row) FROM _rows.${name}`,
  ];
}
