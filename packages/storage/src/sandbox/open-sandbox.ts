import type { DuckDBConnection } from '@duckdb/node-api';
import { tableFilesThatAreNone } from '@quantbot/bus-format/canon';
import { literal } from '@quantbot/bus-format/sql';
import { busLayout } from '@quantbot/infra/bus';
import { attachPublished, published } from '../catalog/attach.js';
import { attachLake } from '../catalog/lake-source.js';
import { seqAt } from '../catalog/open-catalog.js';
import { makePast } from '../catalog/past.js';
import { makeSpillFolder } from '../duckdb/spill-folder.js';
import { storageError } from '../errors.js';
import type { LakeAddress } from '../lake/open-lake.js';
import { DuckDb } from '../open-duckdb.js';
import { resolveMapping } from '../types/mapping.js';
import { foldersOfCluster, foldersOfDaemon, lockDown } from './lock-down.js';

/** The database for untrusted SQL. */
export interface SandboxOptions {
  /** Path of the published database, or the lake of a cluster. */
  database: string | LakeAddress;
  /** As of a moment: after the job with this seq, or at this time by the daemon's clock. */
  asOf?: number | Date;
  /** The memory limit (MiB); more is spilled. By default DuckDB's own limit. */
  memoryMb?: number;
  /**
   * The spill folder and its limit (MiB). By default a new temporary folder, and DuckDB's own
   * limit.
   */
  spill?: { folder: string; maxMb: number };
}

/** A connection on which untrusted SQL can read the bus's data, and nothing else. */
export interface Sandbox {
  connection: DuckDBConnection;
  /** The folders whose files the SQL may name. */
  folders: readonly string[];
  close(): Promise<void>;
}

/**
 * Opens the published database, now or as of a moment, for untrusted SQL. SQL that has passed
 * `assertOneSelect` can read the daemon's files, write the given files, and reach nothing else.
 *
 * @throws StorageError as `openDuckDb`, and `CATALOG_NOT_FOUND` for a database that is not a bus's.
 */
export async function openSandbox(
  { database: source, asOf, memoryMb, spill }: SandboxOptions,
  writable: readonly string[] = [],
): Promise<Sandbox> {
  const isFile = typeof source === 'string';
  const attached = await (isFile ? attachPublished(source) : attachLake(async () => source, published));
  const { connection } = attached;
  const database = new DuckDb(isFile ? source : source.root, attached, resolveMapping({}));
  const own = spill === undefined ? makeSpillFolder() : undefined;
  const close = async () => {
    await database.close();
    own?.remove();
  };
  try {
    await database.query(`USE ${published}`);
    const folders = isFile ? await readableFolders(database) : foldersOfCluster(source);
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

/**
 * Returns the folders that only the daemon writes.
 *
 * @throws StorageError `READ_FAILED` if something else lies in the place of a table's file.
 */
async function readableFolders(database: DuckDb): Promise<string[]> {
  const rows = await database.query('SELECT bus_root, export_dir FROM catalog.bus_info').catch(cause => {
    throw storageError('CATALOG_NOT_FOUND', `${database.path} is not the database of a bus.`, { cause });
  });
  const [info] = rows;
  if (info === undefined) return [];
  const layout = busLayout(String(info.bus_root));
  const [wrong] = await tableFilesThatAreNone(layout);
  if (wrong !== undefined)
    throw storageError('READ_FAILED', `${wrong} is not a regular file.`, {
      hint: 'Restart the daemon, which restores the file, or stop it and run `quantbot-bus rebuild`.',
    });
  return foldersOfDaemon(layout, String(info.export_dir));
}
