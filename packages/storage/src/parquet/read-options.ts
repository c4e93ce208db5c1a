import { sortTerm } from '@quantbot/bus-format/sql';
import type { Params } from '../duckdb/bind.js';
import { storageError } from '../errors.js';
import { knownOptions } from '../options.js';
import { defaultMapping, mappingNames, type TypeMapping } from '../types/mapping.js';

/** A column to sort by: its name for ascending order, or with a direction. NULLs come last. */
export type OrderBy = string | { column: string; direction: 'asc' | 'desc' };

/** What to read, and how to map values. */
export interface ReadOptions extends TypeMapping {
  /** The columns in this order; all by default. */
  columns?: readonly string[];
  /**
   * An SQL condition over the columns, such as `price > ? AND chain = ?`. Pass values in `params`.
   */
  where?: string;
  /** The values of the condition's parameters: an array for `?` or `$1`, an object for `$name`. */
  params?: Params;
  /** By default, rows are in the order of the files and of the rows in them. */
  orderBy?: OrderBy | readonly OrderBy[];
  /** The maximum number of rows. */
  limit?: number;
  /**
   * Reads `key=value` folders of the paths as columns (Hive partitions). Off by default: such
   * columns would replace the files' own.
   */
  hivePartitioning?: boolean;
  /** Ends the read, which then throws the signal's reason. */
  signal?: AbortSignal;
}

/** Checked options. */
export interface CheckedOptions {
  columns: readonly string[] | undefined;
  where: string | undefined;
  params: Params | undefined;
  orderBy: readonly { column: string; direction: 'asc' | 'desc' }[];
  limit: number | undefined;
  hivePartitioning: boolean;
  timestamp: Required<TypeMapping>['timestamp'];
}

/** The options of all ways to read. */
type AnyReadOptions = ReadOptions & { rowSchema?: unknown; typedArrays?: boolean; batchRows?: number };

const optionNames = {
  columns: true,
  where: true,
  params: true,
  orderBy: true,
  limit: true,
  hivePartitioning: true,
  signal: true,
  ...mappingNames,
  rowSchema: true,
  typedArrays: true,
  batchRows: true,
} as const;

/** @throws StorageError `OPTIONS_INVALID`, one detail per problem. */
export function checkOptions(options: ReadOptions): CheckedOptions {
  const { columns, where, params, limit } = knownOptions<AnyReadOptions>(options, optionNames);
  const orderBy = [options.orderBy ?? []].flat().map(by => (typeof by === 'string' ? ascending(by) : by));
  const details: string[] = [];
  const isText = (value: unknown) => typeof value === 'string';
  if (columns !== undefined && !(Array.isArray(columns) && columns.every(isText)))
    details.push('columns: must be a list of names');
  if (where !== undefined && !isText(where)) details.push('where: must be SQL as text');
  if (!orderBy.every(by => isText(by?.column))) details.push('orderBy: must be names, or { column, direction }');
  if (details.length > 0) throw storageError('OPTIONS_INVALID', 'The options of the read are not valid.', { details });
  if (columns?.length === 0) details.push('columns: name at least one, or leave it out for all');
  if (columns !== undefined && new Set(columns).size < columns.length) details.push('columns: one is named twice');
  if (where !== undefined && where.trim() === '') details.push('where: is empty; leave it out to read all rows');
  if (params !== undefined && where === undefined) details.push('params: they need a where condition');
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
    details.push('limit: must be a whole number of rows');
  for (const { column, direction } of orderBy)
    if (direction !== 'asc' && direction !== 'desc')
      details.push(`orderBy: the direction of ${column} is not asc or desc`);
  if (details.length > 0) throw storageError('OPTIONS_INVALID', 'The options of the read are not valid.', { details });
  const { hivePartitioning = false, timestamp = defaultMapping.timestamp } = options;
  return { columns, where, params, orderBy, limit, hivePartitioning, timestamp };
}

const ascending = (column: string) => ({ column, direction: 'asc' as const });

/**
 * Returns the clauses after FROM. The condition is on its own lines, so that a comment in it ends.
 */
export function clauses({ where, orderBy, limit }: CheckedOptions, before: readonly string[] = []): string {
  const order = [...before, ...orderBy.map(by => `${sortTerm(by.column)} ${by.direction.toUpperCase()} NULLS LAST`)];
  return [
    ...(where === undefined ? [] : [`WHERE (\n${where}\n)`]),
    ...(order.length === 0 ? [] : [`ORDER BY ${order.join(', ')}`]),
    ...(limit === undefined ? [] : [`LIMIT ${limit}`]),
  ].join('\n');
}
