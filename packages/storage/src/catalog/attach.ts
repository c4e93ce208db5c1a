import { resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { connect, instanceSettings } from '../duckdb/memory-instance.js';
import { acquireDatabase, closeWhenHarmless, identityOf, type SharedDatabase } from '../duckdb/shared-database.js';
import { nextSpillPath } from '../duckdb/spill-folder.js';
import { literal } from '../sql.js';

/** The name of the published database where it is attached to another one. */
export const published = '_published';

/** A database in memory of the caller's own, to which the published one is attached read-only. */
export interface AttachedDatabase {
  connection: DuckDBConnection;
  /** To be released when the connection is closed. */
  shared: SharedDatabase;
}

/**
 * Opens a database in memory and attaches the published one, which stays open, and with it the
 * files that it needs.
 *
 * @throws StorageError as `openDuckDb`.
 */
export async function attachPublished(path: string): Promise<AttachedDatabase> {
  // Held too, so that nobody in this process closes the file meanwhile: that would take the lock
  // away which says that somebody reads.
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
  connection.closeSync(); // replaced in between
  release();
  return attachPublished(path);
}
