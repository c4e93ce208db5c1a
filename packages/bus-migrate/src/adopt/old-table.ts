import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';
import { foldName } from '@quantbot/infra/bus';
import { type ColumnFacts, factSql, type KeptColumn, keptColumn, problemOf } from './kept-column.js';
import type { OldTable } from './objects.js';

/** Returns an old table as a name in SQL, with its catalog if it is attached. */
export const oldTableSql = ({ catalog, schema, table }: OldTable & { catalog?: string }): string =>
  [...(catalog === undefined ? [] : [catalog]), schema, table].map(identifier).join('.');

/** Returns the SELECT of the rows to write. */
export const rowsToWrite = (table: OldTable, columns: readonly KeptColumn[]): string =>
  `SELECT ${columns.map(c => `${c.expression} AS ${identifier(c.canonName)}`).join(', ')} FROM ${oldTableSql(table)}`;

/**
 * Returns the SELECT of the texts to hash: the old database's text of each value, and for a UNION
 * its JSON, which names the member.
 */
export const oldTexts = (table: OldTable, columns: readonly KeptColumn[]): string =>
  `SELECT ${textsOf(
    columns,
    c => identifier(c.name),
    c => c.expression,
  )} FROM ${oldTableSql(table)}`;

/** Returns the same texts of the values restored from the canonical table. */
export const keptTexts = (columns: readonly KeptColumn[], from: string): string => {
  const canon = ({ canonName, canonType }: KeptColumn) => `CAST(${identifier(canonName)} AS ${canonType})`;
  // A run started by an earlier version has hashed the canonical values themselves.
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

/** Returns the number of rows of an old table, its planned columns, and their problems. */
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
  const taken = new Set(names.map(foldName));
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
