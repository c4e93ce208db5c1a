import { identifier, literal } from '../sql.js';

/** The first DuckDB that can read `_rows.<table>`: it numbers rows beside a schema by names. */
export const firstToReadRows = 'v1.3';

/**
 * Returns the CREATE VIEW statement of `canon.<table>`.
 *
 * DuckDB binds only the query for its own version. An older one gets the rows of the golden export,
 * which needs nothing that it lacks, or an error if the last run of that export failed.
 *
 * @param exported the path of the table's golden export.
 */
export function canonView(table: string, exported?: string): string {
  const rows = `SELECT * EXCLUDE (_ordinal, _row) FROM _rows.${identifier(table)}`;
  const shown =
    exported === undefined
      ? rows
      : `SELECT * FROM query(CASE WHEN version() < ${literal(firstToReadRows)} \
THEN ${literal(exportedRows(table, exported))} ELSE ${literal(rows)} END)`;
  return `CREATE VIEW canon.${identifier(table)} AS ${shown}`;
}

function exportedRows(table: string, path: string): string {
  const problem = literal(`The last golden export of ${table} failed, and DuckDB `);
  const cure = literal(` can read this table only from there. Upgrade DuckDB to ${firstToReadRows.slice(1)} or newer.`);
  return `SELECT e.* FROM read_parquet(${literal(path)}) e, \
(SELECT CASE WHEN coalesce(bool_and(ok), false) THEN true ELSE error(${problem} || version() || ${cure}) END AS is_good \
FROM catalog.exports_d WHERE name = ${literal(table)}) x WHERE x.is_good`;
}
