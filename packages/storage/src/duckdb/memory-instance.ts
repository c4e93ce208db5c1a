import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { duckDbFault } from '@quantbot/infra';
import { nextSpillPath } from './spill-folder.js';

let instance: Promise<DuckDBInstance> | undefined;

/**
 * Settings of every instance: nothing reaches for the network, and a query's meaning does not
 * depend on the machine's time zone.
 */
export const instanceSettings = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  // Files are given by descriptor paths that are used again for other files, so nothing may be
  // remembered by path.
  enable_external_file_cache: 'false',
} as const;

const sessionSettings = "SET TimeZone = 'UTC'";

/** A connection with the settings that the documented type mapping relies on. */
export async function connect(to: DuckDBInstance): Promise<DuckDBConnection> {
  const connection = await to.connect();
  try {
    await connection.run(sessionSettings);
    return connection;
  } catch (error) {
    connection.closeSync();
    throw error;
  }
}

/**
 * Whether an error has made the DuckDB instance in which it happened useless, to everybody who
 * shares it.
 */
export const isPoisonous = (error: unknown): boolean =>
  error instanceof Error && duckDbFault(error.message) === 'poisoned';

/** Whether a statement failed for what another one had done to the instance. */
const isBystander = (error: unknown): boolean =>
  isPoisonous(error) && (error as Error).message.includes('because of a previous fatal error');

/**
 * Runs `work` on a connection of its own to the process's one database in memory, which reads and
 * writes Parquet. It holds no file and lives as long as the process, or until a statement makes it
 * useless.
 *
 * @param mayRepeat whether `work` can run once more, in a new database, when another statement has
 * made the first one useless.
 */
export async function withMemoryConnection<T>(
  work: (connection: DuckDBConnection) => Promise<T>,
  { mayRepeat = false }: { mayRepeat?: boolean } = {},
): Promise<T> {
  const used = await connectToMemory();
  try {
    return await work(used.connection);
  } catch (error) {
    used.failed(error);
    if (!mayRepeat || !isBystander(error)) throw error;
  } finally {
    used.connection.closeSync();
  }
  return withOwnDatabase(work);
}

/** The database is private, so that no other statement can spoil it. */
async function withOwnDatabase<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const own = await createInMemory();
  try {
    const connection = await connect(own);
    try {
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  } finally {
    own.closeSync();
  }
}

/** A connection to the process's database in memory. */
export interface MemoryConnection {
  connection: DuckDBConnection;
  /**
   * To be called with what a statement throws: a useless database is replaced for those who come
   * next.
   */
  failed(error: unknown): void;
}

const createInMemory = (): Promise<DuckDBInstance> =>
  DuckDBInstance.create(':memory:', { ...instanceSettings, temp_directory: nextSpillPath() });

/** The connection of {@link withMemoryConnection}, for who must close it elsewhere. */
export async function connectToMemory(): Promise<MemoryConnection> {
  instance ??= createInMemory();
  const mine = instance;
  const discard = () => {
    if (instance === mine) instance = undefined;
  };
  try {
    const failed = (error: unknown) => {
      if (isPoisonous(error)) discard();
    };
    return { connection: await connect(await mine), failed };
  } catch (error) {
    discard();
    throw error;
  }
}
