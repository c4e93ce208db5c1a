import { tables } from '../tables.js';
import type { Query } from './lake.js';

/** An artifact whose rows are in a canonical table, and the file where they can be read. */
export interface TableRow {
  seq: number;
  ordinal: number;
  artifact_key: string | null;
  path: string;
  schema_hint: string | null;
}

/** Canonical tables are what a fresh read of their artifacts gives. */
export async function checkTables(
  who: string,
  query: Query,
  artifacts: readonly TableRow[],
  problems: string[],
): Promise<void> {
  for (const table of Object.keys(tables) as (keyof typeof tables)[]) {
    const own = artifacts.filter(({ schema_hint }) => schema_hint === `canon.${table}`);
    if (own.length === 0) continue;
    const sum = (key: string) => `SELECT count(*) AS n, CAST(sum(hash(run, n, price, ${key})) AS VARCHAR) AS h FROM`;
    const [real] = await query(`${sum('_artifact_key')} canon.${table}`);
    const [fresh] = await query(`${sum('k')} (${shown(table, freshRows(own), own)})`);
    if (real?.n !== fresh?.n || real?.h !== fresh?.h)
      problems.push(`${who}: canon.${table} has ${real?.n} rows, a fresh read of the store gives ${fresh?.n}`);
  }
}

/** All rows of the artifacts of a table: `k` is the key, `s` seq, `o` ordinal and `r` the row. */
function freshRows(rows: readonly TableRow[]): string {
  const pathOf = ({ path }: TableRow) => `'${path}'`;
  const places = rows.map(row => `(${pathOf(row)}, '${row.artifact_key}', ${row.seq}, ${row.ordinal})`);
  return `SELECT f.* EXCLUDE (filename), p.k, p.s, p.o
    FROM (SELECT run, n, price, file_row_number AS r, filename
          FROM read_parquet([${rows.map(pathOf).join(', ')}], file_row_number = true, filename = true)) f
    JOIN (VALUES ${places.join(', ')}) p (path, k, s, o) ON f.filename = p.path`;
}

/** What each mode shows, written apart from the bus. */
function shown(table: keyof typeof tables, all: string, rows: readonly TableRow[]): string {
  const { mode } = tables[table];
  if (mode === 'append') return all;
  if (mode === 'latest') return `SELECT * FROM (${all}) WHERE s = ${Math.max(...rows.map(({ seq }) => seq))}`;
  return `SELECT * FROM (${all}) QUALIFY row_number() OVER (PARTITION BY ${tables.books.key} ORDER BY s DESC, o DESC, r DESC) = 1`;
}
