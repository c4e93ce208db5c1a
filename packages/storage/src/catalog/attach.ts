import { resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { literal } from '@quantbot/bus-format/sql';
import { connect, instanceSettings } from '../duckdb/memory-instance.js';
import { acquireDatabase, closeWhenHarmless, identityOf, type SharedDatabase } from '../duckdb/shared-database.js';
import { nextSpillPath } from '../duckdb/spill-folder.js';

/** The name under which the published database is attached. */
export const published = '_published';

/** An in-memory database of the caller, to which the published one is attached read-only. */
export interface AttachedDatabase {
  connection: DuckDBConnection;
  /** Release it when the connection is closed. */
  shared: SharedDatabase;
}

/**
 * Opens an in-memory database and attaches the published one. The published one stays open, which
 * keeps its files.
 *
 * @throws StorageError as `openDuckDb`.
 */
export async function attachPublished(path: string): Promise<AttachedDatabase> {
  // Hold the file too. If another part of this process closed it, the lock that marks a reader
  // would be gone.
  const held = await acquireDatabase(resolve(path));
  const instance = await DuckDBInstance.create(':memory:', { ...instanceSettings, temp_directory: nextSpillPath() });
  const connection = await connect(instance);
  const release = () => {
    held.release();
    closeWhenHarmless(instance);
  };
  try {
    await connection.run(`ATTACH ${literal(resolve(path))} AS ${published} (READ_ONLY)`);
    if ((await identityOf(path)) === held.identity) return { connection, shared: { ...held, instance, release } };
  } catch (error) {
    connection.closeSync();
    release();
    throw error;
  }
  connection.closeSync(); // replaced meanwhile
  release();
  return attachPublished(path);
}
