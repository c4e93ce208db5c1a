import { type DuckDBConnection, type DuckDBType, version } from '@duckdb/node-api';
import { type DeclaredColumn, foreignSchema, identifier, literal } from '@quantbot/bus-format';
import { query } from '@quantbot/bus-format/duckdb';
import { nullType } from '@quantbot/infra/bus';
import { exactType, typeText } from '@quantbot/storage/sandbox';
import type { DecodeTask, DescribedFiles } from './decode-task.js';
import { whatCannotBeKept } from './unkept-values.js';

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
