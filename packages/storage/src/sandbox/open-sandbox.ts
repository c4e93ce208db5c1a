import type { DuckDBConnection } from '@duckdb/node-api';
import { busLayout } from '@quantbot/infra';
import { attachPublished, published } from '../catalog/attach.js';
import { seqAt } from '../catalog/open-catalog.js';
import { makePast } from '../catalog/past.js';
import { makeSpillFolder } from '../duckdb/spill-folder.js';
import { storageError } from '../errors.js';
import { DuckDb } from '../open-duckdb.js';
import { literal } from '../sql.js';
import { resolveMapping } from '../types/mapping.js';
import { foldersOfDaemon, lockDown } from './lock-down.js';

/** Which database somebody's SQL is asked of. */
export interface SandboxOptions {
  /** Path of the published database. */
  duckdbPath: string;
  /** As it was: after the job with this seq, or at this moment by the daemon's clock. */
  asOf?: number | Date;
  /**
   * How much memory it may take (MiB); what does not fit is spilled. DuckDB's own limit when
   * absent.
   */
  memoryMb?: number;
  /**
   * Where it spills, and how much at most (MiB). A folder of its own below the system's, and
   * DuckDB's own limit, when absent.
   */
  spill?: { folder: string; maxMb: number };
}

/** A connection on which SQL that is not our own can read the bus's data, and nothing else. */
export interface Sandbox {
  connection: DuckDBConnection;
  /** The folders whose files the SQL may name. */
  folders: readonly string[];
  close(): Promise<void>;
}

/**
 * Opens the published database, now or as it was, for SQL that is not our own. What the daemon
 * wrote can be read, these other files written, and nothing else be reached, once the SQL has
 * passed `assertOneSelect`.
 *
 * @throws StorageError as `openDuckDb`, and `CATALOG_NOT_FOUND` for a database that is not a bus's.
 */
export async function openSandbox(
  { duckdbPath, asOf, memoryMb, spill }: SandboxOptions,
  writable: readonly string[] = [],
): Promise<Sandbox> {
  const { connection, shared } = await attachPublished(duckdbPath);
  const database = new DuckDb(duckdbPath, shared, connection, resolveMapping({}));
  const own = spill === undefined ? makeSpillFolder() : undefined;
  const close = async () => {
    await database.close();
    own?.remove();
  };
  try {
    await database.query(`USE ${published}`);
    const folders = await readableFolders(database);
    if (asOf !== undefined) {
      const seq = await seqAt(database, asOf);
      await database.query('USE memory');
      await makePast(database, seq);
    }
    if (memoryMb !== undefined) await database.query(`SET memory_limit = '${Math.floor(memoryMb)}MiB'`);
    await database.query(`SET temp_directory = ${literal(spill?.folder ?? own?.path ?? '')}`);
    if (spill !== undefined) await database.query(`SET max_temp_directory_size = '${spill.maxMb}MiB'`);
    await lockDown(connection, { folders, files: writable });
    return { connection, folders, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the daemon alone writes. */
async function readableFolders(database: DuckDb): Promise<string[]> {
  const rows = await database.query('SELECT bus_root, export_dir FROM catalog.bus_info').catch(cause => {
    throw storageError('CATALOG_NOT_FOUND', `${database.path} is not the database of a bus.`, { cause });
  });
  return rows.flatMap(({ bus_root, export_dir }) => foldersOfDaemon(busLayout(String(bus_root)), String(export_dir)));
}
