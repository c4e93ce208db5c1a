import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier, literal, nameBeside } from '@quantbot/bus-format/sql';
import { withMemoryConnection } from '../duckdb/memory-instance.js';
import { queryError, runForColumns, runForRows, runForTypedColumns, type Statement } from '../duckdb/run.js';
import { StorageError, storageError } from '../errors.js';
import { type Columns, type Row, resolveMapping, type TypedColumns } from '../types/mapping.js';
import { bloomMisses } from './bloom.js';
import { checkMeaning } from './check-meaning.js';
import { checkSchema } from './check-schema.js';
import { findFiles, type ParquetSource } from './find-files.js';
import { PinnedFiles } from './pinned-files.js';
import { type CheckedOptions, checkOptions, clauses, type ReadOptions } from './read-options.js';
import { checkRows, columnsOf, type TypedReadOptions } from './row-schema.js';

/**
 * Reads Parquet: a file, a folder (all `*.parquet` below it), a glob, each also in an object store
 * (`s3://bucket/key`), the URL of a golden export or an artifact on a daemon's server, or a list of
 * these. Rows are in the order of the files (by name) and of the rows in them, unless `orderBy` is
 * given. docs/reference/type-mapping.md gives the JavaScript value of each type.
 *
 * A read sees one version of each file: a golden export that is replaced meanwhile is read as it
 * was. Files that are read together must have the same columns.
 *
 * Behind a URL, the server sends only the columns that the read needs, or the whole file if there
 * is a `where`. The variable `QUANTBOT_BUS_TOKEN` has the token. The copy is a temporary file. An
 * object store is reached as a submission reaches it: with AWS's variables and shared files, and
 * with `cluster.s3` of the nearest `bus_config.json` if that names this store.
 *
 * @throws StorageError `FILE_NOT_FOUND`, `ARTIFACT_FORGOTTEN`, `NOT_PARQUET`, `COLUMN_NOT_FOUND`,
 * `SCHEMA_DIFFERS`, `OPTIONS_INVALID`, `QUERY_FAILED` (the condition), `ROW_INVALID` (the row
 * schema), `TYPE_UNSUPPORTED`, `VALUE_UNREPRESENTABLE`, `FILE_CHANGED`, `READ_FAILED`;
 * BusError `BUS_DENIED` (the token), `OBJECT_STORE_DENIED`, `OBJECT_CLIENT_MISSING`.
 *
 * @example
 * const rows = await readParquet('data/exports/alerts_std.parquet', {
 *   columns: ['token_address', 'price'],
 *   where: 'chain = ? AND price > ?',
 *   params: ['solana', 0.5],
 *   orderBy: { column: 'price', direction: 'desc' },
 *   limit: 10,
 * });
 *
 * @example
 * // Reads these two columns and checks every row: { alert_id: string; price: number }[]
 * const Alert = z.object({ alert_id: z.string(), price: z.number().positive() });
 * const alerts = await readParquet('data/exports/alerts_std.parquet', { rowSchema: Alert });
 */
export function readParquet<R>(source: ParquetSource, options: ReadOptions & TypedReadOptions<R>): Promise<R[]>;
/** Without a schema, rows are as in the file. `R` is not checked. */
export function readParquet<R = Row>(source: ParquetSource, options?: ReadOptions): Promise<R[]>;
export async function readParquet<R>(
  source: ParquetSource,
  options: ReadOptions & Partial<TypedReadOptions<R>> = {},
): Promise<R[]> {
  const rowSchema = options?.rowSchema; // JavaScript may pass null
  if (rowSchema === undefined) return read(source, options, runForRows<R>);
  return checkRows(rowSchema, await read(source, options, runForRows<Row>, columnsOf(rowSchema)));
}

/**
 * {@link readParquet} with the result as columns: `{ price: [1.5, 2], chain: ['solana', null] }`. A
 * million rows as objects cost several times the time and memory.
 *
 * With `typedArrays: true` a column of numbers without a NULL is a typed array: integers and floats
 * of their own kind (`INTEGER` an `Int32Array`, `DOUBLE` a `Float64Array`), BIGINT and UBIGINT a
 * `Float64Array` (exact, as always) or with `int64: 'bigint'` a `BigInt64Array` or
 * `BigUint64Array`, DECIMAL with `decimal: 'number'` a `Float64Array`, TIMESTAMP with `timestamp:
 * 'micros'` a `BigInt64Array`. Every other column is an array.
 *
 * @example
 * const { price } = await readParquetColumns('data/exports/trades.parquet', {
 *   columns: ['price'],
 *   typedArrays: true,
 * });
 */
export function readParquetColumns(
  source: ParquetSource,
  options: ReadOptions & { typedArrays: true },
): Promise<TypedColumns>;
/** Returns columns as arrays of values. */
export function readParquetColumns(source: ParquetSource, options?: ReadOptions): Promise<Columns>;
export function readParquetColumns(
  source: ParquetSource,
  options: ReadOptions & { typedArrays?: boolean } = {},
): Promise<TypedColumns> {
  return read(source, options, options?.typedArrays ? runForTypedColumns : runForColumns);
}

async function read<T>(
  source: ParquetSource,
  options: ReadOptions,
  run: (connection: DuckDBConnection, statement: Statement) => Promise<T>,
  wanted?: readonly string[],
): Promise<T> {
  const checked = checkOptions(options);
  const mapping = resolveMapping(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const { files, chosen } = await openFiles(source, checked, { wanted, signal });
  try {
    await checkMeaning(files.footers, chosen);
    const sql = readSql(files, chosen);
    const statement = { sql, params: checked.params, mapping, signal };
    const once = (connection: DuckDBConnection) => run(connection, statement);
    const result = await withMemoryConnection(once).catch(error => {
      throw signal?.aborted ? error : readError(files, error);
    });
    await files.assertUnchanged();
    return result;
  } finally {
    await files.close();
  }
}

/** The query of a read. */
export const readSql = (files: PinnedFiles, options: CheckedOptions): string =>
  `SELECT ${selectList(options)} FROM ${fromFiles(files, options)}\n${clauses(options)}`;

/** By default, a read needs the columns of its row schema that the files have. */
function withWanted(
  options: CheckedOptions,
  files: PinnedFiles,
  wanted: readonly string[] | undefined,
): CheckedOptions {
  if (options.columns !== undefined || wanted === undefined || options.hivePartitioning) return options;
  const there = new Set(files.footers.flatMap(({ footer }) => footer.columns.map(column => column.name)));
  const columns = wanted.filter(name => there.has(name));
  return columns.length === 0 ? options : { ...options, columns };
}

/** Files that are open, and the options with the columns to read of them. */
export interface OpenedFiles {
  files: PinnedFiles;
  chosen: CheckedOptions;
}

/** The columns of a row schema, and the end of the read. */
interface OpenOptions {
  wanted: readonly string[] | undefined;
  signal: AbortSignal | undefined;
}

/**
 * Opens the files of a source, checks their schemas, and fetches those behind URLs. If an export is
 * replaced between two requests, it begins again, once.
 */
export async function openFiles(
  source: ParquetSource,
  checked: CheckedOptions,
  options: OpenOptions,
): Promise<OpenedFiles> {
  try {
    return await openOnce(source, checked, options);
  } catch (error) {
    if (!(error instanceof StorageError && error.code === 'FILE_CHANGED')) throw error;
    return openOnce(source, checked, options);
  }
}

async function openOnce(
  source: ParquetSource,
  checked: CheckedOptions,
  { wanted, signal }: OpenOptions,
): Promise<OpenedFiles> {
  const files = await PinnedFiles.open(await findFiles(source), { byName: checked.hivePartitioning, signal });
  try {
    checkSchema(files.footers, checked);
    const chosen = withWanted(checked, files, wanted);
    await files.fetch(columnsUsed(chosen));
    return { files, chosen };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** Returns the columns that a read needs; undefined for all. A condition can use any column. */
const columnsUsed = ({ columns, where, orderBy }: CheckedOptions): readonly string[] | undefined =>
  columns === undefined || where !== undefined ? undefined : [...columns, ...orderBy.map(by => by.column)];

/** Returns the select list: the named columns, or all. */
export const selectList = ({ columns }: CheckedOptions): string => columns?.map(identifier).join(', ') ?? '*';

/**
 * Returns the files as a table. DuckDB skips rows by the minimum and maximum that a file states.
 * These omit NaN, and some writers state them wrongly, so rows would be missing. So would they by
 * the Bloom filters of some types. An expression that is always true keeps DuckDB from using them.
 * TRY has no statistics: a constant would leave it known that all values are NULL.
 */
export function fromFiles(files: PinnedFiles, { hivePartitioning, where, orderBy }: CheckedOptions): string {
  const paths = files.readPaths.map(literal).join(', ');
  const table = (more = '') =>
    `read_parquet([${paths}], hive_partitioning = ${hivePartitioning}, can_have_nan = true${more})`;
  const isAsked = where !== undefined || orderBy.length > 0;
  if (!isAsked) return table();
  const areTrusted = files.footers.every(
    ({ path, footer }) => footer.createdBy?.startsWith('DuckDB') && !isOfProducer(path),
  );
  const columns = files.footers[0]?.footer.columns ?? [];
  const compared = columns.filter(({ type }) => !areTrusted || bloomMisses.has(type));
  if (compared.length === 0) return table();
  const fileColumn = nameBeside(columns.map(({ name }) => name)); // it has no statistics
  const values = compared
    .map(({ name }) => identifier(name))
    .map(column => `CASE WHEN length(${fileColumn}) > 0 THEN ${column} ELSE TRY(${column}) END AS ${column}`);
  const withFile = table(`, filename = '${fileColumn}'`);
  // With partitions, only DuckDB knows all columns.
  if (!areTrusted && !hivePartitioning) return `(SELECT ${values.join(', ')} FROM ${withFile})`;
  return `(SELECT * EXCLUDE (${fileColumn}) REPLACE (${values.join(', ')}) FROM ${withFile})`;
}

/** Whether a file is an artifact of a bus. Its producer can have written anything into it. */
const isOfProducer = (path: string): boolean => /(^|\/)(store|artifacts)\//.test(path);

/** Converts the error of a read, with the files' names in DuckDB's message. */
export function readError(files: PinnedFiles, cause: unknown): Error {
  const error = queryError(cause);
  if (!(error instanceof StorageError)) return error;
  return storageError(error.code, files.named(error.message), {
    hint: error.hint,
    details: error.details.map(line => files.named(line)),
    cause: error.cause,
  });
}
