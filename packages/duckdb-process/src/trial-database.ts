import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { literal } from '@quantbot/bus-format';
import { type MemoryDatabase, openMemoryDatabase } from '@quantbot/bus-format/duckdb';
import { nextSpillFolder } from './spill.js';

/**
 * Opens a database to try views in. It is a file, because DuckDB creates views in memory that it
 * cannot store, such as one that names an ENUM within another type.
 */
export async function openTrialDatabase(
  memoryMb: number,
): Promise<Omit<MemoryDatabase, 'close'> & { close(): Promise<void> }> {
  const folder = nextSpillFolder();
  await mkdir(folder, { recursive: true });
  const database = await openMemoryDatabase({ memoryMb, threads: 1, spillFolder: nextSpillFolder() });
  const { connection } = database;
  const close = async () => {
    database.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await connection.run(`ATTACH ${literal(join(folder, 'trial.duckdb'))} AS _trial`);
    await connection.run('USE _trial');
    return { connection, close };
  } catch (error) {
    await close();
    throw error;
  }
}
