import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { duckDbFault } from '@quantbot/bus-format/duckdb-fault';
import { nextSpillPath } from './spill-folder.js';

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
export const isBystander = (error: unknown): boolean =>
  isPoisonous(error) && (error as Error).message.includes('because of a previous fatal error');

const createInMemory = (): Promise<DuckDBInstance> =>
  DuckDBInstance.create(':memory:', { ...instanceSettings, temp_directory: nextSpillPath() });

/** Runs `work` on a connection of its own. */
async function withConnection<T>(to: DuckDBInstance, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const connection = await connect(to);
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
  }
}

/** A database in memory. After a statement broke it, the next use creates it again. */
class SharedMemory {
  #instance: Promise<DuckDBInstance> | undefined;

  async run<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    this.#instance ??= createInMemory();
    const mine = this.#instance;
    let isOpen = false;
    try {
      const instance = await mine;
      isOpen = true;
      return await withConnection(instance, work);
    } catch (error) {
      if ((!isOpen || isPoisonous(error)) && this.#instance === mine) this.#instance = undefined;
      throw error;
    }
  }
}

const forReading = new SharedMemory();
const forWriting = new SharedMemory();

/**
 * Runs `work` on a connection to the database in memory that reads Parquet for the whole process.
 * If another file breaks that database meanwhile, `work` runs again in a database of its own.
 */
export async function withMemoryConnection<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  try {
    return await forReading.run(work);
  } catch (error) {
    if (!isBystander(error)) throw error;
  }
  await using own = await openOwnMemory();
  return await work(own.connection);
}

/**
 * Runs `work` once, on a connection to the database in memory that writes Parquet for the whole
 * process. It reads no file of others, so none can break it.
 */
export const withWritingConnection = <T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> =>
  forWriting.run(work);

/** A database in memory with one user, which no other statement can break. */
export interface OwnMemory extends AsyncDisposable {
  connection: DuckDBConnection;
}

/** Opens a database in memory. It costs about 10 ms of processor time. */
export async function openOwnMemory(): Promise<OwnMemory> {
  const instance = await createInMemory();
  try {
    const connection = await connect(instance);
    return {
      connection,
      async [Symbol.asyncDispose]() {
        connection.closeSync();
        instance.closeSync();
      },
    };
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}
