import { resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Params } from './duckdb/bind.js';
import { connect, isPoisonous } from './duckdb/memory-instance.js';
import { queryError, runForColumns, runForRows, type Statement, waitFor } from './duckdb/run.js';
import { acquireDatabase, type SharedDatabase } from './duckdb/shared-database.js';
import { storageError } from './errors.js';
import { type Columns, type Row, resolveMapping, type TypeMapping } from './types/mapping.js';

/**
 * Options of {@link openDuckDb}: how values come out, for all queries unless a query says
 * otherwise.
 */
export interface OpenOptions extends TypeMapping {
  /** Always true: the daemon is the only writer. It is here so that code can say so. */
  readOnly?: true;
}

/** Options of one query. */
export interface QueryOptions extends TypeMapping {
  /**
   * Ends the query, also one that still waits for its turn; it then throws the signal's reason. The
   * handle can be used on.
   */
  signal?: AbortSignal;
}

/**
 * Opens a DuckDB database for reading. It never takes part in a lock conflict with the daemon,
 * which replaces the file by another instead of writing into it; opening the path again sees the
 * new one. A handle may stay open as long as you like: the catalog's views read live files.
 *
 * @param path for instance `data/alerts.duckdb`, relative to the working folder.
 * @throws StorageError `DATABASE_NOT_FOUND`, `DATABASE_INVALID`, `DATABASE_LOCKED`,
 * `DATABASE_READ_ONLY` (for `readOnly: false`), `READ_FAILED`.
 *
 * @example
 * await using db = await openDuckDb('data/alerts.duckdb', { readOnly: true });
 * const rows = await db.query('SELECT * FROM canon.alerts_std WHERE chain = $1', ['solana']);
 */
export async function openDuckDb(path: string, options: OpenOptions = {}): Promise<DuckDb> {
  if ((options.readOnly as boolean | undefined) === false)
    throw storageError('DATABASE_READ_ONLY', `${path} can only be opened for reading.`);
  const mapping = resolveMapping(options);
  const database = await acquireDatabase(resolve(path));
  try {
    return new DuckDb(path, database, await connect(database.instance), mapping);
  } catch (error) {
    database.release();
    throw error;
  }
}

/** An open database; made by {@link openDuckDb}. Queries of one handle run one after the other. */
export class DuckDb {
  /** The path as it was given. */
  readonly path: string;
  #database: SharedDatabase;
  #connection: DuckDBConnection;
  /** Whether a statement has made the instance useless. */
  #isSpoilt = false;
  readonly #mapping: Required<TypeMapping>;
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** Not for callers: use {@link openDuckDb}. */
  constructor(path: string, database: SharedDatabase, connection: DuckDBConnection, mapping: Required<TypeMapping>) {
    this.path = path;
    this.#database = database;
    this.#connection = connection;
    this.#mapping = mapping;
  }

  /**
   * Device and inode of the file: differs from the path's once another database was renamed over
   * it.
   */
  get identity(): string {
    return this.#database.identity;
  }

  /**
   * Runs one query and gives its rows as objects; docs/reference/type-mapping.md says which type
   * becomes what. Parameters are bound: `?` or `$1` with an array, `$name` with an object.
   *
   * @throws StorageError `QUERY_FAILED`, `READ_FAILED`, `DATABASE_READ_ONLY`, `OPTIONS_INVALID`,
   * `TYPE_UNSUPPORTED`, `VALUE_UNREPRESENTABLE`, `CLOSED`.
   */
  query<R = Row>(sql: string, params?: Params, options?: QueryOptions): Promise<R[]> {
    return this.#run(sql, params, options, runForRows<R>);
  }

  /** `query` with the result as columns, which costs a fraction for many rows. */
  queryColumns(sql: string, params?: Params, options?: QueryOptions): Promise<Columns> {
    return this.#run(sql, params, options, runForColumns);
  }

  /** Waits for the queries that run, then closes. Can be called more than once. */
  close(): Promise<void> {
    this.#closing ??= this.#turn.then(() => {
      this.#connection.closeSync();
      this.#database.release();
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run<T>(
    sql: string,
    params: Params | undefined,
    { signal, ...mapping }: QueryOptions = {},
    work: (connection: DuckDBConnection, statement: Statement) => Promise<T>,
  ): Promise<T> {
    if (this.#closing !== undefined) throw storageError('CLOSED', `The database ${this.path} was closed.`);
    const statement = { sql, params, signal, mapping: resolveMapping({ ...this.#mapping, ...mapping }) };
    const before = this.#turn;
    const result = waitFor(before, signal).then(async () => {
      if (this.#isSpoilt) await this.#reopen();
      return work(this.#connection, statement);
    });
    this.#turn = Promise.allSettled([before, result]); // who gives up waiting lets nobody pass those before
    try {
      return await result;
    } catch (error) {
      if (isPoisonous(error)) {
        this.#isSpoilt = true;
        this.#database.discard();
      }
      throw signal?.aborted ? error : queryError(error);
    }
  }

  /** Opens what lies at the path, in another instance: the first one answers nobody any more. */
  async #reopen(): Promise<void> {
    const database = await acquireDatabase(resolve(this.path));
    const connection = await connect(database.instance);
    this.#connection.closeSync();
    this.#database.release();
    this.#connection = connection;
    this.#database = database;
    this.#isSpoilt = false;
  }
}
