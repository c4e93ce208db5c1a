import type { DuckDBConnection } from '@duckdb/node-api';
import { type MemoryDatabase, openMemoryDatabase } from '@quantbot/bus-format/duckdb';
import { nextSpillFolder } from './spill.js';

/** A database that had more work than this is closed, with all memory that it took. */
const quickMs = 200;
const keptMs = 1_000;

interface KeptDatabase {
  database: MemoryDatabase;
  memoryMb: number;
  timer: NodeJS.Timeout;
}

let kept: KeptDatabase | undefined;

/** Opens a database in memory to write files with one thread. */
export const openToWrite = (memoryMb: number): Promise<MemoryDatabase> =>
  openMemoryDatabase({ memoryMb, threads: 1, spillFolder: nextSpillFolder() });

/**
 * Runs work in an empty database. After quick work, the next one gets the same database, because to
 * open one takes longer than to write a small file. Not for SQL of other people.
 *
 * @param work must leave nothing but these schemas. If it attaches a database, this one is closed.
 */
export async function inKeptDatabase<T>(
  memoryMb: number,
  schemas: readonly string[],
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  const database = takeKept(memoryMb) ?? (await openToWrite(memoryMb));
  let isReusable = false;
  try {
    const result = await work(database.connection);
    if (performance.now() - startedAt <= quickMs && (await isAlone(database.connection))) {
      for (const schema of schemas) await database.connection.run(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      isReusable = true;
    }
    return result;
  } finally {
    if (isReusable && kept === undefined) keep(database, memoryMb);
    else database.close();
  }
}

/** Whether no other database is attached, such as the lake of a cluster with its credentials. */
async function isAlone(connection: DuckDBConnection): Promise<boolean> {
  const found = await connection.runAndReadAll('SELECT 1 FROM duckdb_databases() WHERE NOT internal');
  return found.currentRowCount === 1;
}

function takeKept(memoryMb: number): MemoryDatabase | undefined {
  if (kept?.memoryMb !== memoryMb) return undefined;
  const { database, timer } = kept;
  clearTimeout(timer);
  kept = undefined;
  return database;
}

function keep(database: MemoryDatabase, memoryMb: number): void {
  const timer = setTimeout(() => takeKept(memoryMb)?.close(), keptMs);
  timer.unref();
  kept = { database, memoryMb, timer };
}
