import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import { identifier, nameBeside } from '@quantbot/bus-format/sql';
import { foldName } from '@quantbot/infra/bus';
import { bindParams } from '../duckdb/bind.js';
import { openOwnMemory } from '../duckdb/memory-instance.js';
import { appendRows, interruptible, resultDecoder } from '../duckdb/run.js';
import { storageError } from '../errors.js';
import { emptyRecordFor } from '../types/decode.js';
import { type Columns, type Row, resolveMapping, type TypeMapping, type Value } from '../types/mapping.js';
import { checkMeaning } from './check-meaning.js';
import type { ParquetSource } from './find-files.js';
import type { PinnedFiles } from './pinned-files.js';
import { type CheckedOptions, checkOptions, clauses, type ReadOptions } from './read-options.js';
import { fromFiles, openFiles, readError, selectList } from './read-parquet.js';
import { checkRows, columnsOf, type TypedReadOptions } from './row-schema.js';

/** Options of a scan. */
export interface ScanOptions extends ReadOptions {
  /** Rows in each batch but the last; 10,000 by default. */
  batchRows?: number;
}

const defaultBatchRows = 10_000;

/**
 * Reads Parquet in batches of rows, holding a few batches in memory. A scan that ends without an
 * error was complete: it carries its own end mark, because a DuckDB stream can end early without an
 * error.
 *
 * @throws StorageError as readParquet, and `SCAN_INCOMPLETE`: a file could not be read to its end,
 * so discard what was delivered.
 *
 * @example
 * let volume = 0;
 * const fills = 'data/bus/store/simulation/fills';
 * for await (const rows of scanParquet(fills, { columns: ['price', 'size'] })) {
 *   for (const row of rows) volume += row.price * row.size;
 * }
 */
export function scanParquet<R>(
  source: ParquetSource,
  options: ScanOptions & TypedReadOptions<R>,
): AsyncGenerator<R[], void, undefined>;
/** Without a schema, rows are as in the file. `R` is the caller's own claim, and is not checked. */
export function scanParquet<R = Row>(
  source: ParquetSource,
  options?: ScanOptions,
): AsyncGenerator<R[], void, undefined>;
export async function* scanParquet<R>(
  source: ParquetSource,
  options: ScanOptions & Partial<TypedReadOptions<R>> = {},
): AsyncGenerator<R[], void, undefined> {
  const { rowSchema } = options;
  let delivered = 0;
  for await (const { names, columns } of scan(source, options, rowSchema && columnsOf(rowSchema))) {
    const rows: Row[] = [];
    appendRows(rows, names, columns);
    yield rowSchema === undefined ? (rows as R[]) : checkRows(rowSchema, rows, delivered);
    delivered += rows.length;
  }
}

/** {@link scanParquet} with each batch as columns. */
export async function* scanParquetColumns(
  source: ParquetSource,
  options: ScanOptions = {},
): AsyncGenerator<Columns, void, undefined> {
  for await (const { names, columns } of scan(source, options)) {
    const batch = emptyRecordFor(names)() as Columns;
    names.forEach((name, index) => {
      batch[name] = columns[index]!;
    });
    yield batch;
  }
}

interface Batch {
  names: readonly string[];
  columns: Value[][];
}

async function* scan(
  source: ParquetSource,
  options: ScanOptions,
  wanted?: readonly string[],
): AsyncGenerator<Batch, void, undefined> {
  const { batchRows = defaultBatchRows, signal } = options;
  if (!(Number.isSafeInteger(batchRows) && batchRows > 0))
    throw storageError('OPTIONS_INVALID', `batchRows is ${batchRows}; it must be a positive whole number.`);
  const checked = checkOptions(options);
  const mapping = resolveMapping(options);
  signal?.throwIfAborted();
  const { files, chosen } = await openFiles(source, checked, { wanted, signal });
  try {
    await checkMeaning(files.footers, chosen);
    // Of its own: a stream cannot begin again if another read breaks its database.
    await using memory = await openOwnMemory();
    const { connection } = memory;
    const result = await startStream(connection, files, chosen, signal);
    yield* batches(result, { connection, files, batchRows, mapping, signal });
  } finally {
    await files.close();
  }
}

/**
 * Streams the rows, followed by a row with the end mark. The mark comes from the second part of a
 * UNION ALL, which DuckDB reads in order, so it arrives after every row. With an order, the mark is
 * the first sort key.
 */
async function startStream(
  connection: DuckDBConnection,
  files: PinnedFiles,
  options: CheckedOptions,
  signal: AbortSignal | undefined,
): Promise<DuckDBResult> {
  const mark = identifier(markName(files));
  const rows = `SELECT false AS ${mark}, ${selectList(withOrder(options))} FROM ${fromFiles(files, options)}\n${clauses(options)}`;
  const marked = `(\n${rows}\n) UNION ALL BY NAME SELECT true AS ${mark}`;
  const inOrder = clauses({ ...options, where: undefined, limit: undefined }, [mark]);
  const chosen = options.columns === undefined ? '*' : `${mark}, ${selectList(options)}`;
  const sql = options.orderBy.length === 0 ? marked : `SELECT ${chosen} FROM (${marked})\n${inOrder}`;
  const bound = options.params === undefined ? undefined : bindParams(options.params);
  try {
    return await interruptible(connection, signal, () => connection.stream(sql, bound?.values, bound?.types));
  } catch (error) {
    throw signal?.aborted ? error : readError(files, error);
  }
}

/** Adds the sort columns to the chosen ones, because the sort beside the mark needs them. */
function withOrder(options: CheckedOptions): CheckedOptions {
  if (options.columns === undefined) return options;
  const columns = new Map(
    [...options.columns, ...options.orderBy.map(by => by.column)].map(name => [foldName(name), name]),
  );
  return { ...options, columns: [...columns.values()] };
}

const markName = (files: PinnedFiles): string =>
  nameBeside(
    files.footers.flatMap(({ footer }) => footer.columns.map(column => column.name)),
    '_end',
  );

interface StreamContext {
  connection: DuckDBConnection;
  files: PinnedFiles;
  batchRows: number;
  mapping: Required<TypeMapping>;
  signal: AbortSignal | undefined;
}

async function* batches(result: DuckDBResult, context: StreamContext): AsyncGenerator<Batch, void, undefined> {
  const { batchRows } = context;
  const decoder = resultDecoder(result, context.mapping);
  const names = decoder.names.slice(1);
  let columns: Value[][] = names.map(() => []);
  let waiting = 0;
  let delivered = 0;
  let ended = false;
  for (;;) {
    const chunk = await nextChunk(result, context);
    if (chunk === undefined) break;
    const [marks = [], ...values] = decoder.columns(chunk);
    const rows = marks.indexOf(true);
    // Rows after the mark would make it worthless as proof, so do not deliver them.
    if (ended || (rows >= 0 && rows < marks.length - 1)) throw incomplete(context.files, delivered);
    ended = rows >= 0;
    const count = ended ? rows : marks.length;
    for (let column = 0; column < names.length; column++)
      for (let row = 0; row < count; row++) columns[column]!.push(values[column]![row]!);
    waiting += count;
    while (waiting >= batchRows) {
      delivered += batchRows;
      yield { names, columns: columns.map(column => column.slice(0, batchRows)) };
      context.signal?.throwIfAborted();
      columns = columns.map(column => column.slice(batchRows));
      waiting -= batchRows;
    }
  }
  if (!ended) throw incomplete(context.files, delivered, await context.files.changes());
  await context.files.assertUnchanged();
  if (waiting > 0) yield { names, columns };
}

async function nextChunk(
  result: DuckDBResult,
  { connection, files, signal }: StreamContext,
): Promise<DuckDBDataChunk | undefined> {
  try {
    const chunk = await interruptible(connection, signal, () => result.fetchChunk());
    return chunk === null || chunk.rowCount === 0 ? undefined : chunk;
  } catch (error) {
    throw signal?.aborted ? error : readError(files, error);
  }
}

const incomplete = (files: PinnedFiles, delivered: number, changes: readonly string[] = []): Error =>
  storageError('SCAN_INCOMPLETE', `The scan of ${files.footers.length} files stopped early.`, {
    details: [`${delivered} rows were delivered`, ...changes],
  });
