import type { DuckDBConnection, Json } from '@duckdb/node-api';
import { daemonError, sortTerm } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';
import { foldName } from '@quantbot/infra/bus';

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
  const told = await toldByText(connection, from.left, compared);
  const values = compared.map((_, i) => columnOf(i));
  const texts = [...told.keys()].map(textOf);
  const side = (which: 'left' | 'right') => {
    const list = compared.map((c, i) => `${c[which]} AS ${columnOf(i)}`);
    for (const [i, kind] of told) list.push(`${toldBy[kind](compared[i]![which])} AS ${textOf(i)}`);
    return `SELECT ${list.join(', ')}, ${which === 'left' ? 1 : -1} AS side FROM ${from[which]}`;
  };
  // Positive: the left table has this many more of the row. Negative: the right one has.
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE __differing AS
     SELECT ${[...values, ...texts].join(', ')}, sum(side) AS surplus
     FROM (${side('left')} UNION ALL ${side('right')}) GROUP BY ALL HAVING sum(side) <> 0`,
  );
  const changed = keys.length === 0 ? null : await changedRows(connection, { compared, told }, keys, limit);
  const without = changed === null ? '' : ` AND NOT ${isChanged(keys, told)}`;
  const onlyInLeft = await differing(connection, compared, `surplus > 0${without}`, limit);
  const onlyInRight = await differing(connection, compared, `surplus < 0${without}`, limit);
  return { leftRows, rightRows, onlyInLeft, onlyInRight, changed };
}

/** Whether no row differs. */
export const areEqual = ({ onlyInLeft, onlyInRight, changed }: RowDifference): boolean =>
  onlyInLeft.rows + onlyInRight.rows + (changed?.rows ?? 0) === 0;

/** Returns the places of the key's columns. */
function checkKey(key: readonly string[], compared: readonly ComparedColumn[]): number[] {
  return key.map(name => {
    const place = compared.findIndex(candidate => foldName(candidate.name) === foldName(name));
    if (place < 0)
      throw daemonError('KEY_NOT_FOUND', `There is no column ${name} in both tables.`, {
        details: compared.map(candidate => candidate.name),
      });
    return place;
  });
}

/** A column's values. The tables' own names could be those of columns that are added here. */
const columnOf = (index: number): string => `value${index}`;

/** The text of a column's values, beside them. */
const textOf = (index: number): string => `text${index}`;

/**
 * DuckDB takes -0.0 and 0.0 for equal, and compares no values of a VARIANT that have different
 * types. Their hashes differ, but not always their texts: `1` and `'1'`.
 */
const toldBy = {
  float: (value: string) => `CAST(${value} AS VARCHAR)`,
  variant: (value: string) => `hash(${value}) || ' ' || CAST(${value} AS VARCHAR)`,
};

/** The columns, by place, whose values a text tells apart. */
type Told = ReadonlyMap<number, keyof typeof toldBy>;

async function toldByText(
  connection: DuckDBConnection,
  from: string,
  compared: readonly ComparedColumn[],
): Promise<Told> {
  const list = compared.map(({ left }, i) => `${left} AS ${columnOf(i)}`).join(', ');
  const types = await query<{ type: string }>(
    connection,
    `SELECT column_type AS type FROM (DESCRIBE SELECT ${list} FROM ${from})`,
  );
  const told = new Map<number, keyof typeof toldBy>();
  for (const [i, { type }] of types.entries())
    if (type === 'VARIANT') told.set(i, 'variant');
    else if (/FLOAT|DOUBLE/.test(type)) told.set(i, 'float');
  return told;
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
  const values = compared.map((_, i) => columnOf(i));
  const [row] = await query<{ n: bigint | number | null }>(
    connection,
    `SELECT CAST(coalesce(sum(abs(surplus)), 0) AS BIGINT) AS n FROM __differing d WHERE ${where}`,
  );
  const reader = await connection.runAndReadAll(
    `SELECT ${values.join(', ')} FROM __differing d WHERE ${where} ORDER BY ${values.map(sortTerm).join(', ')} LIMIT ${limit}`,
  );
  const shown = reader.getRowsJson().map(row => named(compared, place => row[place] ?? null));
  return { rows: Number(row?.n ?? 0), shown };
}

/** Returns values by the names of their columns, of which one may be `__proto__`. */
const named = <Value>(
  compared: readonly ComparedColumn[],
  of: (place: number) => Value,
  isWanted: (place: number) => boolean = () => true,
): Record<string, Value> =>
  Object.fromEntries(compared.flatMap(({ name }, place) => (isWanted(place) ? [[name, of(place)]] : [])));

/** Keys of floats are equal as DuckDB has it: a row whose key becomes -0.0 has changed. */
const sameKey = (keys: readonly number[], told: Told, a: string, b: string): string =>
  keys
    .map(place => (told.get(place) === 'variant' ? textOf(place) : columnOf(place)))
    .map(column => `${a}.${column} IS NOT DISTINCT FROM ${b}.${column}`)
    .join(' AND ');

/** Returns SQL for whether the other table has a different row with the key of `d`. */
const isChanged = (keys: readonly number[], told: Told): string =>
  `EXISTS (FROM __differing o WHERE sign(o.surplus) = -sign(d.surplus) AND ${sameKey(keys, told, 'o', 'd')})`;

async function changedRows(
  connection: DuckDBConnection,
  { compared, told }: { compared: readonly ComparedColumn[]; told: Told },
  keys: readonly number[],
  limit: number,
): Promise<DifferingRows<ChangedRow>> {
  const pairs = `FROM __differing l JOIN __differing r ON l.surplus > 0 AND r.surplus < 0 AND ${sameKey(keys, told, 'l', 'r')}`;
  const [row] = await query<{ n: bigint }>(connection, `SELECT count(*) AS n ${pairs}`);
  const list = compared.flatMap((_, i) => {
    const [value, distinct] = [columnOf(i), told.has(i) ? textOf(i) : columnOf(i)];
    return [`l.${value} AS l${i}`, `r.${value} AS r${i}`, `l.${distinct} IS DISTINCT FROM r.${distinct} AS d${i}`];
  });
  const order = keys.map(place => sortTerm(`l${place}`)).join(', ');
  const reader = await connection.runAndReadAll(
    `FROM (SELECT ${list.join(', ')} ${pairs}) ORDER BY ${order} LIMIT ${limit}`,
  );
  const shown = reader.getRowsJson().map((row): ChangedRow => {
    const [left, right] = [0, 1].map(side => (place: number) => row[3 * place + side] ?? null) as [Side, Side];
    return {
      key: named(compared, left, place => keys.includes(place)),
      columns: named(
        compared,
        place => ({ left: left(place), right: right(place) }),
        place => row[3 * place + 2] === true,
      ),
    };
  });
  return { rows: Number(row?.n ?? 0), shown };
}

/** Returns the value of a row at a place. */
type Side = (place: number) => Json;
