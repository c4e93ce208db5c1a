import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { daemonError, literal } from '@quantbot/bus-format';
import { type FileIdentity, isSameFile } from '@quantbot/bus-format/state';
import type { BusConfig } from '@quantbot/infra/config';
import { exists, systemErrorCode } from '@quantbot/infra/files';

/** A database of somebody else's, open for reading. */
export interface OldDatabase {
  connection: DuckDBConnection;
  close(): void;
}

/** How much a reader of an old database may use. */
export interface ReaderLimits {
  memoryMb: number;
  /** Where DuckDB may put what does not fit into memory; it is made when it is needed. */
  tempFolder: string;
}

/** What the configuration leaves a reader. */
export const limitsOf = (config: BusConfig): ReaderLimits => ({
  memoryMb: config.export.memoryLimitMb,
  tempFolder: join(tmpdir(), `quantbot-bus-${process.pid}`),
});

/**
 * The identity of a database file that nobody is in the middle of writing.
 *
 * @throws DaemonError `OLD_DATABASE_UNREADABLE` when there is no such file, `OLD_DATABASE_UNMERGED`
 * when a write-ahead log lies beside it.
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
 * Opens a database for reading. While it is open nobody can open it for writing.
 *
 * @throws DaemonError `OLD_DATABASE_LOCKED` when a process has it open for writing,
 * `OLD_DATABASE_UNREADABLE` when it is none, or of a newer DuckDB.
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

/** Makes sure that nobody has written into a database, or is about to. */
export async function assertUnchanged(path: string, expected: FileIdentity, limits: ReaderLimits): Promise<void> {
  const changed = !isSameFile(await identityOf(path), expected);
  if (changed) throw daemonError('ADOPTION_CHANGED', `${path} changed after its rows were copied.`);
  (await openOldDatabase(path, limits)).close(); // refused while somebody has it open for writing
}
