import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { makeSpillFolder } from './spill-folder.js';

let instance: Promise<DuckDBInstance> | undefined;

/** Settings of every instance: nothing reaches for the network, and a query's meaning does not depend on the machine's time zone. */
export const instanceSettings = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  // Files are given by descriptor paths that are used again for other files, so nothing may be remembered by path.
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
 * Runs `work` on a connection of its own to the process's one database in memory, which reads and writes Parquet. It holds no file and
 * lives as long as the process.
 */
export async function withMemoryConnection<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const connection = await connectToMemory();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
  }
}

const createInMemory = (): Promise<DuckDBInstance> =>
  DuckDBInstance.create(':memory:', { ...instanceSettings, temp_directory: spillPath() });

/** DuckDB's default is `.tmp` in whatever the working folder is. */
function spillPath(): string {
  try {
    const { path, remove } = makeSpillFolder();
    process.on('exit', remove);
    return path;
  } catch {
    return ''; // nothing is spilled where there is no place for it
  }
}

/** The connection of {@link withMemoryConnection}, for who must close it elsewhere. */
export async function connectToMemory(): Promise<DuckDBConnection> {
  instance ??= createInMemory();
  try {
    return await connect(await instance);
  } catch (error) {
    instance = undefined;
    throw error;
  }
}
