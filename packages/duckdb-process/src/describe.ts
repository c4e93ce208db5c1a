import { type DuckDBConnection, type DuckDBType, version } from '@duckdb/node-api';
import { type DeclaredColumn, foreignSchema, identifier, literal } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';
import { meaningRules, nullType } from '@quantbot/infra/bus';
import { exactType, fileColumnOf, typeText } from '@quantbot/storage/sandbox';
import type { DecodeTask, DescribedFiles, RefusedValues } from './decode-task.js';

/**
 * Asks DuckDB for the columns of files that have one schema. If they differ from those of our own
 * reader, or DuckDB makes up names, this compares for each file the values read by name with those
 * read by position.
 */
export async function describeFiles(
  connection: DuckDBConnection,
  paths: readonly string[],
  { expected, hasRenamedColumns }: NonNullable<DecodeTask['describe']>,
): Promise<DescribedFiles> {
  const reader = await connection.runAndReadAll(`SELECT * FROM ${plainRead(paths[0] as string)} LIMIT 0`);
  const names = reader.columnNames();
  const columns = reader
    .columnTypes()
    .map((type, i) => asInFooter({ name: names[i] as string, type: textOf(type) }, expected[i]));
  const { unwritable, refused } = whatCannotBeKept(reader.columnTypes(), names);
  const cut = columns.filter(({ type }, i) => hasFinerTimes(expected[i]?.type ?? '', type)).map(isCut);
  const asExpected = columns.length === expected.length && columns.every((column, i) => isSame(column, expected[i]));
  if (asExpected && !hasRenamedColumns) return { columns, lost: unwritable, refused, isCertain: true };
  const lost = new Set<string>();
  for (const path of paths)
    for (const { name } of columns) if (await isLost(connection, path, name, columns)) lost.add(name);
  return {
    columns,
    lost: [
      ...unwritable,
      ...cut,
      ...[...lost].map(name => `${name}: DuckDB gives the column this name and does not find it by it`),
    ],
    refused,
    isCertain: false,
  };
}

/**
 * Returns a column as our own reader finds it, if DuckDB finds the same. Only the footer says that
 * a column, or what is nested in it, has no type but NULL.
 */
function asInFooter(read: DeclaredColumn, own: DeclaredColumn | undefined): DeclaredColumn {
  if (own?.name !== read.name) return read;
  if (own.type === nullType || readAs(own.type) === read.type) return own;
  return { ...read, ...(own.unnamed && { unnamed: own.unnamed }) };
}

const isSame = (read: DeclaredColumn, own: DeclaredColumn | undefined): boolean =>
  own?.name === read.name && own.type === read.type;

/** Whether DuckDB reads times of day in nanoseconds as microseconds, as before 1.5.6. */
const hasFinerTimes = (own: string, read: string): boolean => timesIn(own) > timesIn(read);

const timesIn = (type: string): number => type.split('TIME_NS').length;

const isCut = ({ name }: DeclaredColumn): string =>
  `${name}: has a time of day in nanoseconds, of which DuckDB ${version()} keeps only microseconds; write microseconds`;

/**
 * Compaction rewrites every row, so a table can hold only values that the bus's own files preserve.
 */
function whatCannotBeKept(types: readonly DuckDBType[], names: readonly string[]) {
  const unwritable: string[] = [];
  const refused: RefusedValues[] = [];
  for (const [i, type] of types.entries()) {
    const column = names[i] as string;
    const beyond = beforeFirstPrinted(column, textOf(type)) ?? beyondDigits(column, textOf(type));
    if (beyond !== undefined) refused.push(beyond);
    const written = fileColumnOf(type);
    if (!('isCast' in written)) unwritable.push(`${column}: is a ${type}, which cannot be written to Parquet again`);
    else if (written.refused !== undefined)
      refused.push({
        column,
        values: `${written.refused.values} (compaction cannot write it again)`,
        condition: written.refused.are(identifier(column)),
      });
  }
  return { unwritable, refused };
}

/**
 * By type, the first moment that DuckDB prints, or takes as text. It reads earlier ones, but ends
 * each query that prints one with an error, and DuckLake each query of the table. The smallest
 * number but one stands for -infinity.
 */
const firstPrinted: Readonly<Record<string, { moment: string; isEarlier: (column: string) => string }>> = {
  DATE: {
    moment: '5877642-06-25 BC',
    isEarlier: column => `${column} < DATE '5877642-06-25 (BC)' AND isfinite(${column})`,
  },
  TIMESTAMP_NS: { moment: '1677-09-22', isEarlier: earlierThan('epoch_ns', -9_223_286_400_000_000_000n) },
  TIMESTAMP: { moment: '290309-12-22 BC', isEarlier: earlierThan('epoch_us', -9_223_372_022_400_000_000n) },
  'TIMESTAMP WITH TIME ZONE': {
    moment: '290309-12-22 BC',
    isEarlier: earlierThan('epoch_us', -9_223_372_022_400_000_000n),
  },
};

function earlierThan(number: string, first: bigint): (column: string) => string {
  return column => `${number}(${column}) < ${first} AND ${number}(${column}) <> -9223372036854775807`;
}

function beforeFirstPrinted(column: string, type: string): RefusedValues | undefined {
  const known = firstPrinted[type];
  if (known === undefined) return undefined;
  return {
    column,
    values: `a moment before ${known.moment}, which DuckDB cannot print`,
    condition: known.isEarlier(identifier(column)),
  };
}

/**
 * DuckDB holds a DECIMAL in an integer that fits its digits. Of a larger value it keeps the lower
 * bits, which may be any number.
 */
function beyondDigits(column: string, type: string): RefusedValues | undefined {
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type)?.map(Number) ?? [];
  if (precision === undefined || scale === undefined) return undefined;
  const largest = `${'9'.repeat(precision - scale)}.${'9'.repeat(scale)}`;
  return {
    column,
    values: `a value of more digits than its type ${type}, which DuckDB may read as another; write ${meaningRules.digits.instead}`,
    condition: `${identifier(column)} NOT BETWEEN CAST('-${largest}' AS ${type}) AND CAST('${largest}' AS ${type})`,
  };
}

const plainRead = (path: string): string => `read_parquet(${literal(path)}, hive_partitioning = false)`;

async function isLost(
  connection: DuckDBConnection,
  path: string,
  name: string,
  columns: readonly DeclaredColumn[],
): Promise<boolean> {
  const byName = `read_parquet(${literal(path)}, schema = ${foreignSchema(columns)}, hive_partitioning = false)`;
  return (await hashOf(connection, plainRead(path), name)) !== (await hashOf(connection, byName, name));
}

async function hashOf(connection: DuckDBConnection, file: string, column: string): Promise<bigint | null> {
  const sql = `SELECT bit_xor(hash(${identifier(column)}, file_row_number)) AS h FROM ${file}`;
  const [row] = await query<{ h: bigint | null }>(connection, sql);
  return row?.h ?? null;
}

/** Returns the text of a type in the form of footers, with every field name quoted. */
const textOf = (type: DuckDBType): string => typeText(type, exactType) ?? type.toString();

/** DuckDB reads a column that holds only NULL as integers. */
const readAs = (type: string): string => type.replaceAll(nullType, 'INTEGER');
