import { resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Params } from './duckdb/bind.js';
import { connect, isBystander, isPoisonous } from './duckdb/memory-instance.js';
import { movedError, queryError, runForColumns, runForRows, type Statement, waitFor } from './duckdb/run.js';
import { acquireDatabase, type SharedDatabase } from './duckdb/shared-database.js';
import { journalCheckOf } from './duckdb/sound-journal.js';
import { storageError } from './errors.js';
import { knownOptions, mustBeText } from './options.js';
import { type Columns, mappingNames, type Row, resolveMapping, type TypeMapping } from './types/mapping.js';

/** Options of {@link openDuckDb}: the type mapping of all queries that do not override it. */
export interface OpenOptions extends TypeMapping {
  /** Always true, because the daemon is the only writer. Here for explicit code. */
  readOnly?: true;
}

/** Options of one query. */
export interface QueryOptions extends TypeMapping {
  /**
   * Ends the query, even one that is still queued. The query throws the signal's reason. The handle
   * stays usable.
   */
  signal?: AbortSignal;
}

/**
 * Opens a DuckDB database for reading. It never conflicts with the daemon's lock: the daemon
 * replaces the file instead of writing into it. A handle may stay open for as long as you like,
 * because the views read live files.
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
  mustBeText(path, 'The path of the database');
  knownOptions(options, { ...mappingNames, readOnly: true });
  if ((options.readOnly as boolean | undefined) === false)
    throw storageError('DATABASE_READ_ONLY', `${path} can only be opened read-only.`);
  const mapping = resolveMapping(options);
  const acquire = () => acquireConnection(path);
  return new DuckDb(path, await acquire(), mapping, acquire);
}

/** A connection to a database, and the hold on its instance. */
export interface AcquiredConnection {
  connection: DuckDBConnection;
  /** Release it when the connection is closed. */
  shared: SharedDatabase;
  /** Called before each query: renews what it needs to read its files, or checks them. */
  prepare?: (() => Promise<void>) | undefined;
}

async function acquireConnection(path: string): Promise<AcquiredConnection> {
  const shared = await acquireDatabase(resolve(path));
  try {
    const connection = await connect(shared.instance);
    return { connection, shared, prepare: await journalCheckOf(connection) };
  } catch (error) {
    if (isPoisonous(error)) shared.discard();
    shared.release();
    if (isBystander(error)) return acquireConnection(path);
    throw error;
  }
}

/** An open database, from {@link openDuckDb}. Queries of one handle run one after the other. */
export class DuckDb {
  /** The path as it was given. */
  readonly path: string;
  #current: AcquiredConnection;
  readonly #acquire: () => Promise<AcquiredConnection>;
  /** Whether a statement has broken the instance. */
  #isSpoilt = false;
  readonly #mapping: Required<TypeMapping>;
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** Internal: use {@link openDuckDb}. `acquire` opens it again when its instance is broken. */
  constructor(
    path: string,
    current: AcquiredConnection,
    mapping: Required<TypeMapping>,
    acquire: () => Promise<AcquiredConnection> = () => acquireConnection(path),
  ) {
    this.path = path;
    this.#current = current;
    this.#mapping = mapping;
    this.#acquire = acquire;
  }

  /**
   * Device and inode of the file. They differ from those of the path after the database was
   * replaced.
   */
  get identity(): string {
    return this.#current.shared.identity;
  }

  /**
   * Runs one query and returns its rows as objects. docs/reference/type-mapping.md gives the
   * JavaScript value of each type. Parameters are bound: `?` or `$1` with an array, `$name` with an
   * object.
   *
   * @throws StorageError `QUERY_FAILED`, `READ_FAILED`, `DATABASE_READ_ONLY`, `OPTIONS_INVALID`,
   * `TYPE_UNSUPPORTED`, `VALUE_UNREPRESENTABLE`, `JOURNAL_DAMAGED`, `CLOSED`.
   */
  query<R = Row>(sql: string, params?: Params, options?: QueryOptions): Promise<R[]> {
    return this.#run(sql, params, options, runForRows<R>);
  }

  /** Like `query`, with the result as columns, which costs a fraction for many rows. */
  queryColumns(sql: string, params?: Params, options?: QueryOptions): Promise<Columns> {
    return this.#run(sql, params, options, runForColumns);
  }

  /** Waits for running queries, then closes. Safe to call again. */
  close(): Promise<void> {
    this.#closing ??= this.#turn.then(() => {
      release(this.#current);
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run<T>(
    sql: string,
    params: Params | undefined,
    options: QueryOptions = {},
    work: (connection: DuckDBConnection, statement: Statement) => Promise<T>,
  ): Promise<T> {
    if (this.#closing !== undefined) throw storageError('CLOSED', `The database ${this.path} was closed.`);
    mustBeText(sql, 'The SQL');
    const { signal, ...mapping } = knownOptions(options, { ...mappingNames, signal: true });
    const statement = { sql, params, signal, mapping: resolveMapping({ ...this.#mapping, ...mapping }) };
    const before = this.#turn;
    const result = waitFor(before, signal).then(async () => {
      if (this.#isSpoilt) await this.#reopen();
      await this.#current.prepare?.();
      const { connection } = this.#current;
      return work(connection, statement).catch(async error => {
        throw (await movedError(connection, error)) ?? error;
      });
    });
    this.#turn = Promise.allSettled([before, result]); // an aborted caller must not let later ones overtake
    try {
      return await result;
    } catch (error) {
      if (isPoisonous(error)) {
        this.#isSpoilt = true;
        this.#current.shared.discard();
      }
      throw signal?.aborted ? error : queryError(error);
    }
  }

  /** Opens the database in a new instance, because the first one is broken. */
  async #reopen(): Promise<void> {
    const fresh = await this.#acquire();
    release(this.#current);
    this.#current = fresh;
    this.#isSpoilt = false;
  }
}

function release({ connection, shared }: AcquiredConnection): void {
  connection.closeSync();
  shared.release();
}
