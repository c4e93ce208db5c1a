import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, DuckDBTimestampValue, type DuckDBValue } from '@duckdb/node-api';
import { storageError } from './errors.js';
import { type Row, rowsOf } from './rows.js';
import type { ValueOptions } from './values/from-duckdb.js';

/** How a database is opened. */
export interface OpenOptions {
  /** Default true: the bus's database is never opened for writing by anybody. */
  readOnly?: boolean;
}

/** What can be bound to a `?` or `$1` of a query. */
export type Parameter = string | number | bigint | boolean | Date | null;

/** An open database. Close it when done; a reader may also keep it for as long as it likes. */
export interface DuckDb extends AsyncDisposable {
  /** Absolute path. */
  readonly path: string;
  /**
   * Runs a query and returns its rows.
   *
   * @throws StorageError `QUERY_FAILED`, `INTEGER_UNSAFE`.
   */
  query(sql: string, parameters?: readonly Parameter[], options?: ValueOptions): Promise<Row[]>;
  close(): Promise<void>;
}

/** One instance per file: a second one in a process would drop the first one's lock when it is closed (POSIX). */
interface SharedInstance {
  instance: Promise<DuckDBInstance>;
  users: number;
}

const shared = new Map<string, SharedInstance>();

/**
 * Opens a DuckDB database, read-only unless told otherwise. The bus's published database can be opened at any moment and by any number of processes.
 *
 * @example
 * const db = await openDuckDb('data/alerts.duckdb', { readOnly: true });
 * const latest = await db.query("SELECT canonical_path FROM catalog.latest_artifacts_v WHERE producer = 'baseline'");
 * await db.close();
 *
 * @throws StorageError `DATABASE_NOT_FOUND`, `DATABASE_LOCKED`, `QUERY_FAILED`.
 */
export async function openDuckDb(path: string, { readOnly = true }: OpenOptions = {}): Promise<DuckDb> {
  const absolute = resolve(path);
  const { key, instance } = await acquire(absolute, readOnly);
  const connection = await instance.connect();
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    connection.closeSync();
    release(key, instance);
  };
  return {
    path: absolute,
    query: (sql, parameters = [], options = {}) => runQuery(connection, sql, parameters, options),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function acquire(path: string, readOnly: boolean): Promise<{ key: string; instance: DuckDBInstance }> {
  // By inode: after the daemon has replaced the file, the same path is another database.
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined && readOnly) throw storageError('DATABASE_NOT_FOUND', `There is no database at ${path}.`);
  const key = `${readOnly ? 'r' : 'w'} ${info === undefined ? path : `${info.dev}:${info.ino}`}`;
  let entry = shared.get(key);
  if (entry === undefined) {
    entry = { instance: DuckDBInstance.create(path, readOnly ? { access_mode: 'READ_ONLY' } : {}), users: 0 };
    shared.set(key, entry);
  }
  entry.users++;
  try {
    return { key, instance: await entry.instance };
  } catch (cause) {
    shared.delete(key);
    const { message } = cause as Error;
    const code = /lock/i.test(message) ? 'DATABASE_LOCKED' : 'QUERY_FAILED';
    throw storageError(code, `${path} cannot be opened: ${message}`, { cause });
  }
}

function release(key: string, instance: DuckDBInstance): void {
  const entry = shared.get(key);
  if (entry === undefined || --entry.users > 0) return;
  shared.delete(key);
  instance.closeSync();
}

/** Runs a query to its end: DuckDB's Node streams do not report every error, a finished result does. */
export async function runQuery(
  connection: DuckDBConnection,
  sql: string,
  parameters: readonly Parameter[],
  options: ValueOptions,
): Promise<Row[]> {
  return rowsOf(await runToEnd(connection, sql, parameters), options);
}

/** The finished result of a query. */
export async function runToEnd(connection: DuckDBConnection, sql: string, parameters: readonly Parameter[]) {
  try {
    return await connection.runAndReadAll(sql, parameters.map(bindable));
  } catch (cause) {
    throw storageError('QUERY_FAILED', (cause as Error).message, { cause });
  }
}

/** A Date is bound as TIMESTAMP in UTC, a whole number as BIGINT, any other as DOUBLE. */
export function bindable(parameter: Parameter): DuckDBValue {
  if (parameter instanceof Date) return new DuckDBTimestampValue(BigInt(parameter.getTime()) * 1000n);
  return typeof parameter === 'number' && Number.isSafeInteger(parameter) ? BigInt(parameter) : parameter;
}
