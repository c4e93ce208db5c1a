import { storageError } from '../errors.js';

/** The columns by which a list of artifacts can be sorted. */
export const artifactOrder = {
  artifact: 'artifact_id',
  source: "producer || '/' || kind",
  when: 'seq',
  rows: 'rows',
  size: 'bytes',
  run: 'run_id',
} as const;

/** The columns by which a list of jobs can be sorted. */
export const jobOrder = {
  state: 'status',
  source: "producer || '/' || kind",
  when: 'seq',
  rows: 'rows',
  artifacts: 'artifacts',
  run: 'run_id',
  job: 'job_id',
} as const;

/** The columns by which a list of runs can be sorted. */
export const runOrder = {
  run: 'run_id',
  when: 'last_seq',
  artifacts: 'artifacts',
  rows: 'rows',
  size: 'bytes',
} as const;

type Names<Order> = Extract<keyof Order, string>;

/** The name of a column, the least value first; with a minus, the greatest first: `-rows`. */
export type SortBy<Order> = Names<Order> | `-${Names<Order>}`;

/**
 * Returns an ORDER BY. Rows that are equal, and all rows without a column, are newest first.
 *
 * @throws StorageError `OPTIONS_INVALID`.
 */
export function orderBy(columns: Readonly<Record<string, string>>, sort: string | undefined, newest: string): string {
  if (sort === undefined) return `ORDER BY ${newest}`;
  const name = sort.replace(/^-/, '');
  if (!Object.hasOwn(columns, name))
    throw storageError('OPTIONS_INVALID', `There is no order ${sort}. Orders are ${Object.keys(columns).join(', ')}.`);
  return `ORDER BY ${columns[name]} ${sort.startsWith('-') ? 'DESC' : 'ASC'} NULLS LAST, ${newest}`;
}
