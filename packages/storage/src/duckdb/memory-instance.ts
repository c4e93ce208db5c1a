import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { duckDbFault } from '@quantbot/bus-format/duckdb-fault';
import { nextSpillPath } from './spill-folder.js';

let instance: Promise<DuckDBInstance> | undefined;

/** Settings of every instance: no network access, and no dependence on the machine's time zone. */
export const instanceSettings = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  // Cache nothing by path: descriptor paths are reused for other files.
  enable_external_file_cache: 'false',
} as const;

const sessionSettings = "SET TimeZone = 'UTC'";

/** Opens a connection with the settings that the documented type mapping needs. */
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

/** Whether an error has made the DuckDB instance unusable for all its users. */
export const isPoisonous = (error: unknown): boolean =>
  error instanceof Error && duckDbFault(error.message) === 'poisoned';

/** Whether a statement failed because another one had broken the instance. */
const isBystander = (error: unknown): boolean =>
  isPoisonous(error) && (error as Error).message.includes('because of a previous fatal error');

/**
 * Runs `work` on its own connection to the process's in-memory database, which reads and writes
 * Parquet. The database holds no file, and lives until the process ends or a statement breaks it.
 *
 * @param mayRepeat whether `work` may run again in a new database, if another statement broke the
 * first.
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

/** Runs in a private database, which no other statement can break. */
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
  /** Call it with the error of a statement: it replaces a broken database for later users. */
  failed(error: unknown): void;
}

const createInMemory = (): Promise<DuckDBInstance> =>
  DuckDBInstance.create(':memory:', { ...instanceSettings, temp_directory: nextSpillPath() });

/** Opens the connection of {@link withMemoryConnection}. The caller must close it. */
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
