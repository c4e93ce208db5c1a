import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';
import { type ColumnFacts, factSql, type KeptColumn, keptColumn, problemOf } from './kept-column.js';
import type { OldTable } from './objects.js';

/** An old table as SQL names it; with its database, where that is attached. */
export const oldTableSql = ({ catalog, schema, table }: OldTable & { catalog?: string }): string =>
  [...(catalog === undefined ? [] : [catalog]), schema, table].map(identifier).join('.');

/** An old table's rows, as they are written. */
export const rowsToWrite = (table: OldTable, columns: readonly KeptColumn[]): string =>
  `SELECT ${columns.map(c => `${c.expression} AS ${identifier(c.canonName)}`).join(', ')} FROM ${oldTableSql(table)}`;

/**
 * The old database's own text of each value, and of a UNION the JSON that names its member: what is
 * hashed.
 */
export const oldTexts = (table: OldTable, columns: readonly KeptColumn[]): string =>
  `SELECT ${textsOf(
    columns,
    c => identifier(c.name),
    c => c.expression,
  )} FROM ${oldTableSql(table)}`;

/** The same texts, of the values as they are made again of the canonical ones. */
export const keptTexts = (columns: readonly KeptColumn[], from: string): string => {
  const canon = ({ canonName, canonType }: KeptColumn) => `CAST(${identifier(canonName)} AS ${canonType})`;
  // A run that an earlier version has begun has hashed the canonical values themselves.
  return columns.every(({ checked }) => checked === undefined)
    ? `SELECT ${columns.map(c => `${canon(c)} AS ${identifier(c.canonName)}`).join(', ')} FROM ${from}`
    : `SELECT ${textsOf(columns, c => c.checked ?? canon(c), canon)} FROM ${from}`;
};

const textsOf = (
  columns: readonly KeptColumn[],
  value: (column: KeptColumn) => string,
  json: (column: KeptColumn) => string,
): string =>
  columns
    .flatMap((column, index) => [
      `CAST(${value(column)} AS VARCHAR) AS _c${index}`,
      ...(column.isJson ? [`CAST(${json(column)} AS VARCHAR) AS _j${index}`] : []),
    ])
    .join(', ');

/** How many rows an old table has, what becomes of its columns, and what of them cannot be kept. */
export async function inspectTable(
  connection: DuckDBConnection,
  table: OldTable & { catalog?: string },
): Promise<{ rows: number; columns: KeptColumn[]; problems: string[] }> {
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
  const problems: string[] = [];
  const columns = types.map((type, index) => {
    const facts: ColumnFacts = { fitsDecimal: false, fitsInterval: false, fitsJson: false };
    const fact = asked[index]?.fact;
    if (fact !== undefined) facts[fact] = row[`fact_${index}`] === true;
    const name = names[index] ?? '';
    const problem = problemOf(name, type, facts);
    if (problem !== undefined) problems.push(problem);
    return keptColumn(name, type, facts, taken);
  });
  return { rows: Number(row.n), columns, problems };
}
