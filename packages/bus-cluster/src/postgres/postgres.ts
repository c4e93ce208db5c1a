import { daemonError } from '@quantbot/bus-format';
import { CodedError } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import pg from 'pg';

/** A row of PostgreSQL. BIGINT becomes a number, since no seq exceeds 2^53. */
export type PgRow = Record<string, unknown>;

/** Runs statements: a pool, or a transaction on one connection. */
export interface Queries {
  /**
   * Runs a statement.
   *
   * @param name the server plans a statement of this name once per connection. The plan stays when
   * tables grow, so give a name only to a statement that reads no table.
   */
  query<Row extends PgRow = PgRow>(sql: string, values?: readonly unknown[], name?: string): Promise<Row[]>;
}

/**
 * The answer to a COMMIT was lost: the transaction may or may not be committed. Only a look can
 * tell, after the transaction has ended. Until then, nothing may be cleaned up.
 */
export class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('The connection to PostgreSQL was lost during COMMIT.', { cause });
    this.name = 'CommitUnknown';
  }
}

const bigint = 20;
/** TIMESTAMP and TIMESTAMPTZ stay text, because their values here are UTC by definition. */
const timestamps = [1114, 1184];

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === bigint) return Number;
    if (timestamps.includes(oid)) return (text: string) => text;
    return pg.types.getTypeParser(oid, format as 'text');
  }) as pg.CustomTypesConfig['getTypeParser'],
};

const connectTimeoutMs = 10_000;
const statementTimeoutMs = 60_000;
/** A query fails if the server does not answer for this long. */
const answerTimeoutMs = statementTimeoutMs + 10_000;
/** A daemon that freezes in a transaction keeps `bus.head` locked for at most this long. */
const idleInTransactionMs = 15_000;

/** A pool of connections to the database of a cluster. */
export class Postgres implements Queries {
  readonly #url: string;
  readonly #pool: pg.Pool;

  /** @param url as libpq takes it: `postgres://user@host/database`, TLS by `sslmode`. */
  constructor(url: string, { connections = 8 }: { connections?: number } = {}) {
    this.#url = url;
    this.#pool = new pg.Pool({ ...this.#settings(), max: connections });
    this.#pool.on('error', () => {}); // an idle connection was cut: the next query opens another
  }

  /**
   * Opens a pool, and checks that the server answers.
   *
   * @throws DaemonError `POSTGRES_UNREACHABLE`.
   */
  static async open(url: string, options: { connections?: number } = {}): Promise<Postgres> {
    const postgres = new Postgres(url, options);
    try {
      await postgres.query('SELECT 1');
      return postgres;
    } catch (error) {
      await postgres.close();
      throw daemonError('POSTGRES_UNREACHABLE', `${hostOf(url)} does not answer: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  #settings(): pg.ClientConfig {
    return {
      connectionString: asLibpq(this.#url),
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      statement_timeout: statementTimeoutMs,
      query_timeout: answerTimeoutMs,
      idle_in_transaction_session_timeout: idleInTransactionMs,
      application_name: 'quantbot-bus',
      types,
    };
  }

  query<Row extends PgRow = PgRow>(sql: string, values?: readonly unknown[], name?: string): Promise<Row[]> {
    return ask(this.#pool, sql, values, name);
  }

  /**
   * Runs `work` in one transaction.
   *
   * @param first statements without values. They are sent with BEGIN, and their rows go to `work`,
   * those of each statement apart.
   * @throws CommitUnknown if the answer to COMMIT was lost. After any other error, nothing was
   * committed.
   */
  async transaction<T>(
    work: (queries: Queries, first: PgRow[][]) => Promise<T>,
    first: readonly string[] = [],
  ): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    const noteBroken = (error: Error) => {
      broken = error;
    };
    client.on('error', noteBroken);
    try {
      const begun = await client.query<PgRow>(['BEGIN', ...first].join('; '));
      // More than one statement has more than one result.
      const [, ...results] = [begun].flat() as pg.QueryResult<PgRow>[];
      const result = await work(
        { query: (sql, values, name) => ask(client, sql, values, name) },
        results.map(({ rows }) => rows),
      );
      await client.query('COMMIT').catch(error => {
        throw isAnswer(error) ? error : new CommitUnknown(error);
      });
      return result;
    } catch (error) {
      if (error instanceof CommitUnknown || broken !== undefined) broken ??= error as Error;
      else
        await client.query('ROLLBACK').catch(other => {
          broken = other;
        });
      throw error;
    } finally {
      client.off('error', noteBroken);
      client.release(broken);
    }
  }

  /** Opens a separate connection, for locks and notifications that live as long as it. */
  async dedicated(): Promise<pg.Client> {
    const client = new pg.Client(this.#settings());
    client.on('error', () => {}); // the next query fails, and its caller handles that
    await client.connect();
    return client;
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

async function ask<Row extends PgRow>(
  on: pg.Pool | pg.PoolClient,
  sql: string,
  values: readonly unknown[] = [],
  name?: string,
): Promise<Row[]> {
  const answer =
    name === undefined ? on.query<Row>(sql, [...values]) : on.query<Row>({ name, text: sql, values: [...values] });
  return (await answer).rows;
}

/**
 * Makes the client read `sslmode` as libpq does, which DuckLake uses: `require` encrypts without
 * checking the certificate, and `verify-ca` and `verify-full` check it.
 */
function asLibpq(url: string): string {
  if (!URL.canParse(url)) return url; // hostOf says so
  const parsed = new URL(url);
  if (parsed.searchParams.has('sslmode')) parsed.searchParams.set('uselibpqcompat', 'true');
  return parsed.href;
}

/** Whether PostgreSQL itself answered with an error. Then the outcome is certain. */
const isAnswer = (error: unknown): boolean => error instanceof pg.DatabaseError && !endsConnection(error.code);

/**
 * Gives an error to requests that PostgreSQL does not answer: the caller may try again.
 *
 * @throws DaemonError `POSTGRES_UNREACHABLE`; other errors of the work as they come.
 */
export async function withAnswer<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof CodedError || isAnswer(cause)) throw cause;
    throw daemonError('POSTGRES_UNREACHABLE', 'The database of the cluster does not answer.', { cause });
  }
}

/** Whether PostgreSQL ended a transaction because of a deadlock. */
export const isDeadlock = (error: unknown): boolean => error instanceof pg.DatabaseError && error.code === '40P01';

/** Whether the server shut down or crashed, or the connection broke: the outcome is unknown. */
const endsConnection = (code: string | undefined): boolean => code === undefined || /^(57P0|08)/.test(code);

/** Returns the part of a URL that may be shown: without user and password. */
export function hostOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    throw busError('CONFIG_INVALID', 'cluster.postgres is not a URL such as postgres://user@host/database.');
  }
}
