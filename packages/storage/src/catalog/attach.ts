import { resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { literal } from '@quantbot/bus-format/sql';
import { connect, instanceSettings } from '../duckdb/memory-instance.js';
import { acquireDatabase, closeWhenHarmless, identityOf } from '../duckdb/shared-database.js';
import { journalCheckOf } from '../duckdb/sound-journal.js';
import { nextSpillPath } from '../duckdb/spill-folder.js';
import type { AcquiredConnection } from '../open-duckdb.js';

/** The name under which the published database is attached. */
export const published = '_published';

/**
 * Opens an in-memory database and attaches the published one. The published one stays open, which
 * keeps its files.
 *
 * @throws StorageError as `openDuckDb`.
 */
export async function attachPublished(path: string): Promise<AcquiredConnection> {
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
    if ((await identityOf(path)) === held.identity) {
      const prepare = await journalCheckOf(connection, published);
      return { connection, shared: { ...held, instance, release }, prepare };
    }
  } catch (error) {
    connection.closeSync();
    release();
    throw error;
  }
  connection.closeSync(); // the database was replaced meanwhile
  release();
  return attachPublished(path);
}
