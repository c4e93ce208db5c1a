import type { DuckDBConnection, Json } from '@duckdb/node-api';
import { daemonError, identifier, sortTerm } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';

/** A column of two tables, with an expression for its value on each side. Both have one type. */
export interface ComparedColumn {
  name: string;
  left: string;
  right: string;
}

/** The number of rows of one kind, and the first of them. */
export interface DifferingRows<Row = Record<string, Json>> {
  rows: number;
  shown: Row[];
}

/** A row with the same key in both tables and different values. */
export interface ChangedRow {
  key: Record<string, Json>;
  columns: Record<string, { left: Json; right: Json }>;
}

/** The differences between the rows of two tables. */
export interface RowDifference {
  leftRows: number;
  rightRows: number;
  onlyInLeft: DifferingRows;
  onlyInRight: DifferingRows;
  /** Null without a key. */
  changed: DifferingRows<ChangedRow> | null;
}

/** What to compare and how much to show. */
export interface RowOptions {
  /** Columns that identify a row. They tell changed rows from new ones. */
  key: readonly string[];
  /** How many rows of each kind to show. */
  limit: number;
}

/**
 * Compares the rows of two tables as a multiset: a row that one table has twice, the other must
 * have twice. NULLs are equal to each other, and numbers are compared exactly: -0.0 is not 0.0.
 * Without a common column, each row differs. DuckDB's aggregation counts the rows and spills to
 * disk.
 *
 * @param from two tables, as in a FROM clause.
 * @throws DaemonError `KEY_NOT_FOUND`.
 */
export async function compareRows(
  connection: DuckDBConnection,
  from: { left: string; right: string },
  compared: readonly ComparedColumn[],
  { key, limit }: RowOptions,
): Promise<RowDifference> {
  const keys = checkKey(key, compared);
  const [leftRows, rightRows] = [await countOf(connection, from.left), await countOf(connection, from.right)];
  if (compared.length === 0) {
    const all = (rows: number) => ({ rows, shown: [] });
    return { leftRows, rightRows, onlyInLeft: all(leftRows), onlyInRight: all(rightRows), changed: null };
  }
  const signed = await columnsWithFloats(connection, from.left, compared);
  const side = (which: 'left' | 'right') => {
    const values = compared.map(c => `${c[which]} AS ${identifier(c.name)}`);
    const texts = compared.flatMap((c, i) => (signed.has(c) ? [`CAST(${c[which]} AS VARCHAR) AS ${textOf(i)}`] : []));
    return `SELECT ${[...values, ...texts, `${which === 'left' ? 1 : -1} AS __more`].join(', ')} FROM ${from[which]}`;
  };
  // Positive: the left table has this many more of the row. Negative: the right one has.
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE __differing AS
     SELECT * EXCLUDE (__more), sum(__more) AS __more FROM (${side('left')} UNION ALL ${side('right')}) GROUP BY ALL HAVING sum(__more) <> 0`,
  );
  const changed = keys.length === 0 ? null : await changedRows(connection, { compared, signed }, keys, limit);
  const without = changed === null ? '' : ` AND NOT ${isChanged(keys)}`;
  const onlyInLeft = await differing(connection, compared, `__more > 0${without}`, limit);
  const onlyInRight = await differing(connection, compared, `__more < 0${without}`, limit);
  return { leftRows, rightRows, onlyInLeft, onlyInRight, changed };
}

/** Whether no row differs. */
export const areEqual = ({ onlyInLeft, onlyInRight, changed }: RowDifference): boolean =>
  onlyInLeft.rows + onlyInRight.rows + (changed?.rows ?? 0) === 0;

function checkKey(key: readonly string[], compared: readonly ComparedColumn[]): string[] {
  return key.map(name => {
    const column = compared.find(candidate => candidate.name.toLowerCase() === name.toLowerCase());
    if (column === undefined)
      throw daemonError('KEY_NOT_FOUND', `There is no column ${name} in both tables.`, {
        details: compared.map(candidate => candidate.name),
      });
    return column.name;
  });
}

/** The text of a column's values, beside them. */
const textOf = (index: number): string => `__text${index}`;

/** Returns the columns with floating-point numbers. DuckDB takes their -0.0 and 0.0 for equal. */
async function columnsWithFloats(
  connection: DuckDBConnection,
  from: string,
  compared: readonly ComparedColumn[],
): Promise<ReadonlySet<ComparedColumn>> {
  const list = compared.map(({ left }, i) => `${left} AS c${i}`).join(', ');
  const types = await query<{ type: string }>(
    connection,
    `SELECT column_type AS type FROM (DESCRIBE SELECT ${list} FROM ${from})`,
  );
  return new Set(compared.filter((_, i) => /FLOAT|DOUBLE/.test(types[i]?.type ?? '')));
}

async function countOf(connection: DuckDBConnection, from: string): Promise<number> {
  const [row] = await query<{ n: bigint }>(connection, `SELECT count(*) AS n FROM ${from}`);
  return Number(row?.n ?? 0);
}

async function differing(
  connection: DuckDBConnection,
  compared: readonly ComparedColumn[],
  where: string,
  limit: number,
): Promise<DifferingRows> {
  const names = compared.map(({ name }) => identifier(name));
  const order = compared.map(({ name }) => sortTerm(name)).join(', ');
  const [row] = await query<{ n: bigint | number | null }>(
    connection,
    `SELECT CAST(coalesce(sum(abs(__more)), 0) AS BIGINT) AS n FROM __differing d WHERE ${where}`,
  );
  const reader = await connection.runAndReadAll(
    `SELECT ${names.join(', ')} FROM __differing d WHERE ${where} ORDER BY ${order} LIMIT ${limit}`,
  );
  return { rows: Number(row?.n ?? 0), shown: reader.getRowObjectsJson() };
}

const sameKey = (keys: readonly string[], a: string, b: string): string =>
  keys.map(key => `${a}.${identifier(key)} IS NOT DISTINCT FROM ${b}.${identifier(key)}`).join(' AND ');

/** Returns SQL for whether the other table has a different row with the key of `d`. */
const isChanged = (keys: readonly string[]): string =>
  `EXISTS (FROM __differing o WHERE sign(o.__more) = -sign(d.__more) AND ${sameKey(keys, 'o', 'd')})`;

async function changedRows(
  connection: DuckDBConnection,
  { compared, signed }: { compared: readonly ComparedColumn[]; signed: ReadonlySet<ComparedColumn> },
  keys: readonly string[],
  limit: number,
): Promise<DifferingRows<ChangedRow>> {
  const pairs = `FROM __differing l JOIN __differing r ON l.__more > 0 AND r.__more < 0 AND ${sameKey(keys, 'l', 'r')}`;
  const [row] = await query<{ n: bigint }>(connection, `SELECT count(*) AS n ${pairs}`);
  const list = compared.flatMap((column, i) => {
    const name = identifier(column.name);
    const told = signed.has(column) ? textOf(i) : name;
    return [`l.${name} AS l${i}`, `r.${name} AS r${i}`, `l.${told} IS DISTINCT FROM r.${told} AS d${i}`];
  });
  const order = keys.map(key => sortTerm(`l${compared.findIndex(({ name }) => name === key)}`)).join(', ');
  const reader = await connection.runAndReadAll(
    `FROM (SELECT ${list.join(', ')} ${pairs}) ORDER BY ${order} LIMIT ${limit}`,
  );
  const shown = reader.getRowObjectsJson().map((values): ChangedRow => {
    const named = compared.map(({ name }, i) => ({
      name,
      left: values[`l${i}`] ?? null,
      right: values[`r${i}`] ?? null,
      differs: values[`d${i}`] === true,
    }));
    return {
      key: Object.fromEntries(named.filter(c => keys.includes(c.name)).map(c => [c.name, c.left])),
      columns: Object.fromEntries(named.filter(c => c.differs).map(c => [c.name, { left: c.left, right: c.right }])),
    };
  });
  return { rows: Number(row?.n ?? 0), shown };
}
