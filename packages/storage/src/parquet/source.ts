import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readParquetFooter } from '@quantbot/infra';
import glob from 'fast-glob';
import { storageError } from '../errors.js';
import { identifier, literal } from '../sql.js';

/** Names a column to sort by. */
export type OrderBy = string | { column: string; direction?: 'asc' | 'desc' };

/** What to read. */
export interface ReadOptions {
  /** Only these columns, in this order. */
  columns?: readonly string[];
  /** An SQL condition on the columns; values go into `params`, never into the text. */
  where?: string;
  /** Values for the `?` or `$1` of `where`. */
  params?: readonly (string | number | bigint | boolean | Date | null)[];
  orderBy?: OrderBy | readonly OrderBy[];
  /** At most so many rows. */
  limit?: number;
  /** Ends the reading with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * The files that a path names: one file, every `.parquet` below a folder, or what a glob matches; sorted by name.
 *
 * @throws StorageError `FILE_NOT_FOUND` when there is none.
 */
export async function findFiles(source: string | readonly string[]): Promise<string[]> {
  const sources = typeof source === 'string' ? [source] : source;
  const files = (await Promise.all(sources.map(filesOf))).flat();
  if (files.length === 0)
    throw storageError('FILE_NOT_FOUND', `There is no Parquet file at ${sources.join(', ') || 'an empty list'}.`);
  return files;
}

async function filesOf(source: string): Promise<string[]> {
  // What is there under exactly this name is meant, also when the name has characters of a glob.
  const info = await stat(source).catch(() => undefined);
  if (info?.isFile()) return [resolve(source)];
  if (info?.isDirectory())
    return (await glob('**/*.parquet', { cwd: resolve(source), dot: false }))
      .sort()
      .map(file => join(resolve(source), file));
  return (await glob(source, { absolute: true, dot: false })).sort();
}

/**
 * Files with different schemas are not merged: DuckDB would turn integers into doubles without a word.
 *
 * @throws StorageError `SCHEMAS_DIFFER`, naming file and column; `READ_FAILED` for a file that is not Parquet.
 */
export async function checkSameSchema(files: readonly string[], columns: readonly string[] | undefined): Promise<void> {
  if (files.length < 2) return;
  const [first, ...others] = await Promise.all(files.map(file => schemaOf(file, columns)));
  const index = others.findIndex(schema => schema !== first);
  if (index < 0) return;
  throw storageError('SCHEMAS_DIFFER', `${files[index + 1]} has other columns than ${files[0]}.`, {
    details: [`${files[0]}: ${first}`, `${files[index + 1]}: ${others[index]}`],
  });
}

async function schemaOf(file: string, columns: readonly string[] | undefined): Promise<string> {
  const footer = await readParquetFooter(file).catch(cause => {
    throw storageError('READ_FAILED', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  });
  return footer.columns
    .filter(column => columns === undefined || columns.includes(column.name))
    .map(column => `${column.name} ${column.type}`)
    .join(', ');
}

/** The SELECT that reads files with these options. Column names are quoted, paths are literals; only `where` is the caller's SQL. */
export function selectSql(files: readonly string[], options: ReadOptions): string {
  const columns = options.columns === undefined ? '*' : options.columns.map(identifier).join(', ');
  // Escaped, because DuckDB takes every path for a glob; no Hive columns, because folders named key=value would override the file's own.
  const from = `read_parquet([${files.map(file => literal(escapeGlob(file))).join(', ')}], hive_partitioning = false, union_by_name = false)`;
  const order = [options.orderBy ?? []].flat().map(by => {
    const { column, direction = 'asc' } = typeof by === 'string' ? { column: by } : by;
    return `${identifier(column)} ${direction === 'desc' ? 'DESC' : 'ASC'}`;
  });
  return [
    `SELECT ${columns} FROM ${from}`,
    options.where === undefined ? '' : `WHERE (${options.where}\n)`,
    order.length === 0 ? '' : `ORDER BY ${order.join(', ')}`,
    options.limit === undefined ? '' : `LIMIT ${Math.max(0, Math.floor(options.limit))}`,
  ]
    .filter(part => part !== '')
    .join(' ');
}

const escapeGlob = (path: string): string => path.replace(/[*?[]/g, char => `[${char}]`);
