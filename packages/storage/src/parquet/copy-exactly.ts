import { type DuckDBConnection, type DuckDBType, DuckDBTypeId, StatementType } from '@duckdb/node-api';
import { identifier, literal, nameBeside } from '@quantbot/bus-format/sql';
import { queryError } from '../duckdb/run.js';
import { storageError } from '../errors.js';
import { type FileColumn, fileColumnOf } from '../types/file-types.js';
import { bloomMisses } from './bloom.js';

/** What to write, and where. */
export interface CopyToFile {
  /** One SELECT, without a semicolon. */
  sql: string;
  path: string;
  /** Options of DuckDB's COPY: `FORMAT parquet, COMPRESSION zstd`. */
  options: string;
  /** Whether to read the written file in full and compare its columns. */
  readBack: boolean;
  /**
   * Whether row groups also end at 32 MB, so that large rows need little memory. The connection
   * must have the settings {@link toStream}. The order stays if the SELECT is one scan.
   */
  streams?: boolean;
  /**
   * Whether the connection is in a transaction, which a failed attempt would end. Values that no
   * dictionary keeps are then looked for first, by a query of its own.
   */
  inTransaction?: boolean;
}

/** The size of row groups in memory, if rows are streamed. */
const streamedGroupBytes = '32MB';

/** The settings of DuckDB to stream rows: without them it holds all rows of a row group. */
export const toStream: readonly string[] = [
  'SET preserve_insertion_order = false',
  // An operator would collect small chunks, whatever the size of their rows.
  'SET enable_caching_operators = false',
];

/**
 * Writes the result of a SELECT as Parquet, so that every value can be read back exactly.
 * docs/reference/type-mapping.md has the rule for each type. DuckDB's own COPY silently turns
 * HUGEINT into DOUBLE and negative zero into positive zero. The caller must flush the file, and
 * remove it after a failure.
 *
 * @returns the number of rows.
 * @throws StorageError `TYPE_UNSUPPORTED` (a column cannot be written), `VALUE_INVALID` (a value
 * cannot), `WRITE_FAILED` (the file is not what was written); DuckDB's errors as they come.
 */
export async function copyExactly(connection: DuckDBConnection, copy: CopyToFile): Promise<number> {
  const columns = await columnsToWrite(connection, copy.sql);
  const rows = await run(connection, copy, columns);
  if (copy.readBack) await readBack(connection, copy.path, columns, rows);
  return rows;
}

interface ColumnToWrite extends FileColumn {
  name: string;
  from: DuckDBType;
}

async function columnsToWrite(connection: DuckDBConnection, sql: string): Promise<ColumnToWrite[]> {
  return (await describe(connection, sql)).map(({ name, type: from }) => {
    const column = fileColumnOf(from);
    if ('isCast' in column && !(column.isCast && column.type === undefined)) return { ...column, name, from };
    const { type, castTo } = 'isCast' in column ? { type: from.toString(), castTo: undefined } : column;
    throw storageError(
      'TYPE_UNSUPPORTED',
      `The column ${name} (${from}) cannot be written: Parquet cannot store ${type} unchanged.`,
      { ...(castTo !== undefined && { hint: `CAST it to ${castTo}.` }) },
    );
  });
}

async function describe(connection: DuckDBConnection, sql: string): Promise<{ name: string; type: DuckDBType }[]> {
  const prepared = await connection.prepare(sql);
  try {
    if (prepared.statementType !== StatementType.SELECT)
      throw storageError('NOT_ONE_SELECT', 'Only the result of a SELECT can be written.');
    return Array.from({ length: prepared.columnCount }, (_, index) => ({
      name: prepared.columnName(index),
      type: prepared.columnType(index),
    }));
  } finally {
    prepared.destroySync();
  }
}

/**
 * The text that an expression passes to DuckDB's `error()`, followed by the number of the column.
 */
const refusedMark = 'quantbot: refused value in column ';
const dictionaryMark = 'quantbot: not in a dictionary, column ';

async function run(
  connection: DuckDBConnection,
  { sql, path, options, streams = false, inTransaction = false }: CopyToFile,
  columns: readonly ColumnToWrite[],
): Promise<number> {
  const copy = async (mayHaveDictionary: boolean) => {
    // DuckDB's dictionary merges -0.0 with 0.0, and all NaNs. Without a dictionary the file is
    // larger.
    const dictionaries = mayHaveDictionary ? '' : ', DICTIONARY_SIZE_LIMIT 0';
    const groups = streams ? `, ROW_GROUP_SIZE_BYTES '${streamedGroupBytes}'` : '';
    // By its metadata alone, a GEOMETRY would be a BLOB if it has no value.
    const geometries = columns.some(isGeometry) ? ", GEOPARQUET_VERSION 'BOTH'" : '';
    // The first attempt may leave a file, and DuckDB would write beside it, where it may not.
    const all = `${options}, USE_TMP_FILE false${geometries}${groups}${dictionaries}${isMissedByBloom(columns) ? ', WRITE_BLOOM_FILTER false' : ''}`;
    const source = selectOf(sql, columns, { mayHaveDictionary, streams });
    const reader = await connection.runAndReadAll(`COPY (${source}\n) TO ${literal(path)} (${all})`);
    return Number(reader.getRowsJS()[0]?.[0] ?? 0);
  };
  try {
    if (inTransaction) return await copy(!(await needsNoDictionary(connection, sql, columns)));
    return await copy(true).catch(error => {
      if (!String((error as Error).message).includes(dictionaryMark)) throw error;
      return copy(false);
    });
  } catch (error) {
    throw refusal(error as Error, columns) ?? error;
  }
}

const isGeometry = ({ from }: ColumnToWrite): boolean => from.typeId === DuckDBTypeId.GEOMETRY;

/**
 * Whether DuckDB would miss rows by a Bloom filter of such a column: bytes beyond ASCII, 0.0 where
 * -0.0 is asked for, and a NaN with other bits.
 */
const isMissedByBloom = (columns: readonly ColumnToWrite[]): boolean =>
  columns.some(({ type, from }) => bloomMisses.has(String(type ?? from)));

/** Whether a row has a value that a dictionary would change. */
async function needsNoDictionary(
  connection: DuckDBConnection,
  sql: string,
  columns: readonly ColumnToWrite[],
): Promise<boolean> {
  const found = columns.flatMap(({ notInDictionary }, index) => notInDictionary?.(`_c${index}`) ?? []);
  if (found.length === 0) return false;
  const reader = await connection.runAndReadAll(
    `SELECT 1 FROM ${rowsOf(sql, columns)} WHERE ${found.join(' OR ')} LIMIT 1`,
  );
  return reader.currentRowCount > 0;
}

/** Returns the rows of a SELECT with columns `_c0`, `_c1` and so on. */
const rowsOf = (sql: string, columns: readonly ColumnToWrite[]): string =>
  // Put the SQL on its own lines: it may end with a comment.
  `(\n${sql}\n) AS _query(${columns.map((_, index) => `_c${index}`).join(', ')})`;

/** Returns the SELECT with each value as the file stores it. */
function selectOf(
  sql: string,
  columns: readonly ColumnToWrite[],
  { mayHaveDictionary, streams }: { mayHaveDictionary: boolean; streams: boolean },
): string {
  const expressions = columns.map(({ type, isCast, refused, notInDictionary }, index) => {
    const value = `_c${index}`;
    const fails = (mark: string) => `error(${literal(`${mark}${index}.`)})`;
    const cases = [
      ...(refused === undefined ? [] : [`WHEN ${refused.are(value)} THEN ${fails(refusedMark)}`]),
      ...(notInDictionary === undefined || !mayHaveDictionary
        ? []
        : [`WHEN ${notInDictionary(value)} THEN ${fails(dictionaryMark)}`]),
    ];
    const written = isCast ? `CAST(${value} AS ${type})` : value;
    return cases.length === 0 ? written : `CASE ${cases.join(' ')} ELSE ${written} END`;
  });
  if (!streams && expressions.every((expression, index) => expression === `_c${index}`)) return sql;
  const named = expressions.map((expression, index) => `${expression} AS ${identifier(columns[index]!.name)}`);
  const rows = rowsOf(sql, columns);
  // The number of a row keeps the rows in order, although the connection asks for no order.
  const from = streams ? `(SELECT *, row_number() OVER () AS _place FROM ${rows}) WHERE _place > 0` : rows;
  return `SELECT ${named.join(', ')} FROM ${from}`;
}

function refusal({ message }: Error, columns: readonly ColumnToWrite[]): Error | undefined {
  const from = message.indexOf(refusedMark);
  if (from < 0) return undefined;
  const column = columns[Number.parseInt(message.slice(from + refusedMark.length), 10)];
  if (column?.refused === undefined) return undefined;
  const { values, castTo } = column.refused;
  return storageError(
    'VALUE_INVALID',
    `The column ${column.name} (${column.from}) has a value that Parquet cannot store unchanged: ${values}.`,
    { hint: `CAST it to ${castTo}.` },
  );
}

/** Reads a whole file with the intended types. */
async function readBack(
  connection: DuckDBConnection,
  path: string,
  columns: readonly ColumnToWrite[],
  rows: number,
): Promise<void> {
  const file = `read_parquet(${literal(path)}, hive_partitioning = false)`;
  const problems: string[] = [];
  try {
    const found = await describe(connection, `FROM ${file}`);
    for (const [index, { name, type }] of columns.entries()) {
      const there = found[index];
      const [expected, is] = [type, there?.type].map(comparable);
      if (there === undefined || (type !== undefined && expected !== is))
        problems.push(`${name}: ${is ?? 'missing'} instead of ${expected}`);
    }
    // If a column had this name too, the name would mean that column, and the others would not be
    // read.
    const row = nameBeside(
      found.map(({ name }) => name),
      '_file',
    );
    const reader = await connection.runAndReadAll(`SELECT count(*), bit_xor(hash(${row})) FROM ${file} AS ${row}`);
    const [count] = reader.getRowsJS()[0] ?? [];
    if (Number(count) !== rows) problems.push(`${count} rows instead of ${rows}`);
  } catch (error) {
    problems.push((queryError(error) as Error).message);
  }
  if (problems.length > 0)
    throw storageError('WRITE_FAILED', 'The written file does not contain the rows that were to be written.', {
      details: problems,
    });
}

/**
 * Returns a type as text, without parts that do not change values: spaces, quotes of names, the
 * coordinate system of a plain GEOMETRY.
 */
const comparable = (type: DuckDBType | string | undefined): string | undefined =>
  (typeof type === 'string' ? type : (type?.alias ?? type?.toString()))
    ?.replace(/JSON/g, 'VARCHAR')
    .replace(/GEOMETRY\([^)]*\)/g, 'GEOMETRY')
    .replace(/[\s"]/g, '');
