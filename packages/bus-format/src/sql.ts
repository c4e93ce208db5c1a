import { foldName } from '@quantbot/infra/bus';

/**
 * Returns a string as an SQL literal. Text enters SQL only through this and {@link identifier}. SQL
 * ends at a NUL character, so a text with one is an expression.
 */
export const literal = (text: string): string =>
  text.includes('\0') ? `(${text.split('\0').map(literal).join(' || chr(0) || ')})` : `'${text.replaceAll("'", "''")}'`;

/** A name as a quoted SQL identifier. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * Returns a column as a term of ORDER BY or PARTITION BY. If the term is the plain column, DuckDB
 * restores its values from the sort key, in which -0.0 is 0.0 and every NaN is the same. If the
 * term is an expression, DuckDB returns the column's own values.
 */
export const sortTerm = (column: string): string =>
  `CASE WHEN ${identifier(column)} IS NOT NULL THEN ${identifier(column)} END`;

/**
 * Returns a name that none of these columns has, for a further column: by default that of
 * `filename`. A producer may have given a column any name.
 *
 * @param name in lower case.
 */
export function nameBeside(columns: readonly string[], name = '_quantbot_file_of_row'): string {
  const taken = new Set(columns.map(foldName));
  let free = name;
  while (taken.has(free)) free += '_';
  return free;
}

/** A list of strings as an SQL list of literals. */
export const literalList = (texts: readonly string[]): string => `[${texts.map(literal).join(', ')}]`;

/** A column as the daemon declares it. */
export interface DeclaredColumn {
  name: string;
  /** DuckDB type. */
  type: string;
  /** Whether the column has no name in the files of producers. Files of the bus have its name. */
  unnamed?: boolean;
}

/**
 * The explicit schema of `read_parquet` for files of the bus, by column name: a column that a file
 * lacks reads NULL, one that is not listed is ignored, narrower types are cast upward, and no
 * footer is opened to bind.
 */
export const schemaMap = (columns: readonly DeclaredColumn[]): string => mapOf(columns, ({ name }) => name);

/**
 * {@link schemaMap} for files of producers, in which a column may have no name.
 *
 * @param shownAs the name that each column gets; by default its own.
 */
export const foreignSchema = (
  columns: readonly DeclaredColumn[],
  shownAs?: (column: DeclaredColumn, index: number) => string,
): string => mapOf(columns, nameInStored, shownAs);

/** Returns the name of a column in files of producers. */
export const nameInStored = ({ name, unnamed }: DeclaredColumn): string => (unnamed ? '' : name);

const mapOf = (...of: Parameters<typeof schemaEntries>): string => `MAP {${schemaEntries(...of).join(', ')}}`;

/** Returns the entries of an explicit schema: the name in a file, the shown name and the type. */
export const schemaEntries = (
  columns: readonly DeclaredColumn[],
  nameInFile: (column: DeclaredColumn) => string,
  shownAs: (column: DeclaredColumn, index: number) => string = ({ name }) => name,
): string[] =>
  columns.map(
    (column, index) =>
      `${literal(nameInFile(column))}: {name: ${literal(shownAs(column, index))}, type: ${literal(column.type)}, default_value: NULL}`,
  );

/**
 * Returns the columns of producers' files, for a SELECT over a `read_parquet` with `filename`. The
 * CASE is always true, but DuckDB cannot know that. So it compares values, and does not skip row
 * groups by the writer's statistics, which may be wrong and ignore NaN. Nor does it cast the
 * constant of a condition to the type of the file, which may have fewer digits.
 */
export const untrusted = (columns: readonly DeclaredColumn[], prefix?: string): string => {
  const before = prefix === undefined ? '' : `${prefix}.`;
  return columns
    .map(({ name }) => identifier(name))
    .map(name => `CASE WHEN length(${before}filename) > 0 THEN ${before}${name} END AS ${name}`)
    .join(', ');
};

/** The names of columns, quoted, for a SELECT list; each behind `prefix.` if given. */
export const selectList = (columns: readonly DeclaredColumn[], prefix?: string): string =>
  columns.map(c => (prefix === undefined ? identifier(c.name) : `${prefix}.${identifier(c.name)}`)).join(', ');
