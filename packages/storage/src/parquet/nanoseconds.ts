import { identifier, literal, nameBeside } from '@quantbot/bus-format/sql';
import { type ParquetColumn, readParquetFooter } from '@quantbot/infra';
import { withMemoryConnection } from '../duckdb/memory-instance.js';
import { findValue, type Leaf } from './values-of-file.js';

/**
 * Finds columns with a time finer than a microsecond, or of a day that DuckDB does not have. DuckDB
 * silently cuts such times if they have a zone or are INT96, so another reader checks them, one
 * column of one row group at a time.
 *
 * @returns the names of these columns.
 */
export async function findNanoseconds(paths: readonly string[], columns: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const path of columns.length === 0 ? [] : paths)
    for (const column of columns) if (!found.has(column) && (await hasTime(path, column, isFine))) found.add(column);
  return [...found];
}

const isFine = (nanoseconds: bigint): boolean => nanoseconds % 1000n !== 0n || isBeyond(nanoseconds);

const isBeyond = (nanoseconds: bigint): boolean => nanoseconds < firstNanosecond || nanoseconds > lastNanosecond;

/** Of INT96, which has 32 bits of days. DuckDB has 64 bits of microseconds. */
const firstNanosecond = -9_223_372_022_400_000_000_000n;
const lastNanosecond = 9_223_372_036_854_775_806_000n;

/** Finds a column of INT96 with a day that DuckDB does not have. It returns another. */
export async function findLostDay(path: string, columns: readonly string[]): Promise<string | undefined> {
  const question = {
    isAbout: ({ type }: Leaf) => type === 'INT96',
    holds: (value: bigint | number) => isBeyond(BigInt(value)),
  };
  for (const column of columns) if (await findValue(path, column, () => [question])) return column;
  return undefined;
}

/**
 * Finds a column of timestamps with a zone for which DuckDB returns another millisecond than the
 * file has. DuckDB rounds nanoseconds towards 1970. A timestamp before 1970, less than a
 * microsecond before a whole millisecond, becomes that millisecond.
 *
 * @returns the name of the column; undefined when there is none.
 */
export async function findWrongMillisecond(
  path: string,
  columns: readonly ParquetColumn[],
): Promise<string | undefined> {
  for (const { name, type } of columns) {
    const isSuspect = type !== momentType || (await hasWholeMillisecond(path, name));
    if (isSuspect && (await hasTime(path, name, isShortOfMillisecond))) return name;
  }
  return undefined;
}

/** DuckDB's name for a timestamp with a zone. */
export const momentType = 'TIMESTAMP WITH TIME ZONE';

const isShortOfMillisecond = (nanoseconds: bigint): boolean => {
  const beyond = nanoseconds % 1_000_000n; // like the dividend below zero, or zero
  return beyond < 0n && beyond > -1000n;
};

/**
 * Whether DuckDB reads a whole millisecond up to 1970. Only such a value can be another one in the
 * file. This is much faster than reading the file's own values.
 */
const hasWholeMillisecond = (path: string, column: string): Promise<boolean> =>
  withMemoryConnection(async connection => {
    const fileColumn = nameBeside((await readParquetFooter(path)).columns.map(({ name }) => name));
    const moment = `CASE WHEN length(${fileColumn}) > 0 THEN ${identifier(column)} END`; // without a writer's statistics
    const file = `read_parquet(${literal(path)}, filename = '${fileColumn}', hive_partitioning = false)`;
    const found = await connection.runAndReadAll(
      `SELECT 1 FROM (SELECT epoch_us(${moment}) AS micros FROM ${file}) WHERE micros <= 0 AND micros % 1000 = 0 LIMIT 1`,
    );
    return found.currentRowCount > 0;
  });

const hasTime = async (path: string, column: string, holds: (nanoseconds: bigint) => boolean): Promise<boolean> =>
  (await findValue(path, column, () => [{ isAbout: isInNanoseconds, holds: value => holds(BigInt(value)) }])) !==
  undefined;

const isInNanoseconds = ({ type, logical_type }: Leaf): boolean =>
  type === 'INT96' || (logical_type?.type === 'TIMESTAMP' && logical_type.unit === 'NANOS');
