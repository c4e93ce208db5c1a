import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { daemonError, literal } from '@quantbot/bus-format';
import { type FileIdentity, isSameFile } from '@quantbot/bus-format/state';
import type { BusConfig } from '@quantbot/infra/config';
import { exists, systemErrorCode } from '@quantbot/infra/files';

/** A database from outside the bus, open for reading. */
export interface OldDatabase {
  connection: DuckDBConnection;
  close(): void;
}

/** The resources that a reader of an old database may use. */
export interface ReaderLimits {
  memoryMb: number;
  /** Where DuckDB spills. Created on demand. */
  tempFolder: string;
}

/** Returns a reader's limits from the configuration. */
export const limitsOf = (config: BusConfig): ReaderLimits => ({
  memoryMb: config.export.memoryLimitMb,
  tempFolder: join(tmpdir(), `quantbot-bus-${process.pid}`),
});

/**
 * Returns the identity of a database file that no writer has left half-written.
 *
 * @throws DaemonError `OLD_DATABASE_UNREADABLE` if the file is missing, `OLD_DATABASE_UNMERGED` if
 * a write-ahead log lies beside it.
 */
export async function identityOf(path: string): Promise<FileIdentity> {
  const info = await stat(path).catch((cause: unknown) => {
    if (!['ENOENT', 'ENOTDIR'].includes(systemErrorCode(cause) ?? '')) throw cause;
    throw daemonError('OLD_DATABASE_UNREADABLE', `There is no database at ${path}.`, { cause });
  });
  if (!info.isFile()) throw daemonError('OLD_DATABASE_UNREADABLE', `${path} is not a file.`);
  if (await exists(`${path}.wal`))
    throw daemonError('OLD_DATABASE_UNMERGED', `${path}.wal has changes that are not in the database file yet.`, {
      hint: `Stop the program that writes to it, then merge the log: python3 -c "import duckdb; duckdb.connect('${path}').execute('CHECKPOINT')"`,
    });
  return { ino: info.ino, size: info.size, mtimeMs: info.mtimeMs };
}

/**
 * Opens a database for reading. While it is open, no process can open it for writing.
 *
 * @throws DaemonError `OLD_DATABASE_LOCKED` if a process has it open for writing,
 * `OLD_DATABASE_UNREADABLE` if it is not a database or is from a newer DuckDB.
 */
export async function openOldDatabase(path: string, limits: ReaderLimits): Promise<OldDatabase> {
  const instance = await DuckDBInstance.create(path, {
    access_mode: 'READ_ONLY',
    memory_limit: `${limits.memoryMb}MB`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  }).catch((cause: Error) => {
    const message = cause.message.split('\n')[0] ?? '';
    if (/Conflicting lock|Could not set lock/i.test(cause.message))
      throw daemonError('OLD_DATABASE_LOCKED', `Another process has ${path} open for writing.`, {
        cause,
        details: [message],
      });
    throw daemonError('OLD_DATABASE_UNREADABLE', `${path} cannot be opened as a DuckDB database.`, {
      cause,
      details: [message],
    });
  });
  const connection = await instance.connect();
  await connection.run(`SET temp_directory = ${literal(limits.tempFolder)}`);
  await connection.run(`SET TimeZone = 'UTC'`);
  let isOpen = true;
  return {
    connection,
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** Checks that a database has not changed and that no process has it open for writing. */
export async function assertUnchanged(path: string, expected: FileIdentity, limits: ReaderLimits): Promise<void> {
  const changed = !isSameFile(await identityOf(path), expected);
  if (changed) throw daemonError('ADOPTION_CHANGED', `${path} changed after its rows were copied.`);
  (await openOldDatabase(path, limits)).close(); // fails while a process has it open for writing
}
