import { identifier } from '../sql.js';
import { type Cast, castBetween } from './casts.js';

/** A column of a file whose type does not fit that of its canonical table. */
export interface Mismatch {
  column: string;
  /** The type of the table's column. */
  expected: string;
  /** What fixed it: the key of an artifact, or the configuration. */
  fixedBy: string;
  /** The type of the file's column. */
  found: string;
  /** A value of the file that the expected type does not hold. */
  misfit?: string | undefined;
}

/** Returns a mismatch as a detail of `SCHEMA_MISMATCH`. */
export const mismatchText = ({ column, expected, fixedBy, found, misfit }: Mismatch): string =>
  `${column}: expected ${expected} (fixed by ${fixedBy}), found ${found}${
    misfit === undefined ? '' : `; the first value that is no ${expected}: ${misfit}`
  }`;

/** Reads what {@link mismatchText} wrote; undefined for any other detail. */
export function parseMismatch(detail: string): Mismatch | undefined {
  const match =
    /^(.+): expected (.+) \(fixed by ([^()]+)\), found ([^;]+?)(?:; the first value that is no [^:]+: (.+))?$/s.exec(
      detail,
    );
  if (match === null) return undefined;
  const [, column = '', expected = '', fixedBy = '', found = '', misfit] = match;
  return { column, expected, fixedBy, found, ...(misfit !== undefined && { misfit }) };
}

const maxColumns = 3;

/**
 * Returns what to type in pandas, polars and DuckDB so that the columns of some details get the
 * types of their table; undefined if no detail is a mismatch of types.
 */
export function castHint(details: readonly string[]): string | undefined {
  const hints = details.flatMap(detail => castOf(parseMismatch(detail)) ?? []);
  if (hints.length === 0) return undefined;
  const more = hints.length > maxColumns ? ` Likewise ${hints.length - maxColumns} more columns.` : '';
  const [first, ...others] = hints.slice(0, maxColumns);
  const further = others.map(hint => ` I${hint.slice(1)}`); // each begins with `in`
  return `To write the expected type: ${first}${further.join('')}${more}`;
}

function castOf(mismatch: Mismatch | undefined): string | undefined {
  if (mismatch === undefined) return undefined;
  const { column, expected, found } = mismatch;
  const cast = castBetween(found, expected);
  if (cast === undefined) return `in DuckDB, ${inDuckDb(column, `CAST($ AS ${expected})`)}.`;
  return `in pandas, ${inPandas(column, cast)}; in polars, ${inPolars(column, cast)}; in DuckDB, ${inDuckDb(column, cast.duckdb)}.${
    cast.loses === undefined ? '' : ` ${cast.loses}`
  }`;
}

/** Returns a statement for a DataFrame `df` of pandas. */
export function inPandas(column: string, { pandas }: Pick<Cast, 'pandas'>): string {
  const place = `df[${JSON.stringify(column)}]`;
  return `${place} = ${filled(pandas, place)}`;
}

/** Returns a statement for a DataFrame `df` of polars. */
export const inPolars = (column: string, { polars }: Pick<Cast, 'polars'>): string =>
  `df = df.with_columns(${filled(polars, `pl.col(${JSON.stringify(column)})`)})`;

/** Returns the select list of a SELECT. */
export function inDuckDb(column: string, duckdb: string): string {
  const name = identifier(column);
  return `SELECT * REPLACE (${filled(duckdb, name)} AS ${name})`;
}

/** A function, because `$&` in the name of a column would mean something to `replaceAll`. */
const filled = (cast: string, column: string): string => cast.replaceAll('$', () => column);
