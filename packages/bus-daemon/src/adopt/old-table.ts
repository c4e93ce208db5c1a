import type { DuckDBConnection } from '@duckdb/node-api';
import { query } from '../duckdb.js';
import { identifier } from '../sql.js';
import { type ColumnFacts, factSql, type KeptColumn, keptColumn } from './kept-column.js';
import type { OldTable } from './objects.js';

/** An old table as SQL names it; with its database, where that is attached. */
export const oldTableSql = ({ catalog, schema, table }: OldTable & { catalog?: string }): string =>
  [...(catalog === undefined ? [] : [catalog]), schema, table].map(identifier).join('.');

/** An old table's rows, as they are written. */
export const rowsToWrite = (table: OldTable, columns: readonly KeptColumn[]): string =>
  `SELECT ${columns.map(c => `${c.expression} AS ${identifier(c.canonName)}`).join(', ')} FROM ${oldTableSql(table)}`;

/** Rows with the names and types that the canonical table has: what is hashed, here and there. */
export const asCanonical = (columns: readonly KeptColumn[], from: string): string =>
  `SELECT ${columns.map(c => `CAST(${identifier(c.canonName)} AS ${c.canonType}) AS ${identifier(c.canonName)}`).join(', ')} FROM ${from}`;

/** How many rows an old table has, and what becomes of its columns. */
export async function inspectTable(
  connection: DuckDBConnection,
  table: OldTable & { catalog?: string },
): Promise<{ rows: number; columns: KeptColumn[] }> {
  const empty = await connection.runAndReadAll(`SELECT * FROM ${oldTableSql(table)} LIMIT 0`);
  const types = empty.columnTypes();
  const names = empty.columnNames();
  const asked = names.map((name, index) => {
    const type = types[index];
    return type === undefined ? undefined : factSql(name, type);
  });
  const list = ['count(*) AS n', ...asked.flatMap((fact, index) => (fact ? [`${fact.sql} AS fact_${index}`] : []))];
  const [row = {}] = await query<Record<string, bigint | boolean>>(
    connection,
    `SELECT ${list.join(', ')} FROM ${oldTableSql(table)}`,
  );
  const taken = new Set(names.map(name => name.toLowerCase()));
  const columns = types.map((type, index) => {
    const facts: ColumnFacts = { fitsDecimal: false, fitsInterval: false };
    const fact = asked[index]?.fact;
    if (fact !== undefined) facts[fact] = row[`fact_${index}`] === true;
    return keptColumn(names[index] ?? '', type, facts, taken);
  });
  return { rows: Number(row.n), columns };
}
