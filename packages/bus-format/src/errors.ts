import { CodedError, type Disposition, defineErrors, systemErrorCode } from '@quantbot/infra';

/** The daemon's own errors: none of them is a job's fault. */
export const daemonCodes = {
  LOCK_TIMEOUT: {
    disposition: 'stop',
    hint: 'Stop the other daemon, or raise lock_timeout_s in bus_config.json. Only one daemon may write.',
  },
  BUS_REMOVED: {
    disposition: 'stop',
    hint: 'Move the folder back, or correct bus_root and duckdb_path. Then start the daemon again. Nothing was written to the folder that took its place.',
  },
  LOCK_LOST: {
    disposition: 'stop',
    hint: 'Start the daemon again. It takes the lock and recovers by itself. If this happens again, please report it.',
  },
  NO_HARD_LINKS: {
    disposition: 'stop',
    hint: 'Put bus_root and duckdb_path on a file system with hard links (ext4, XFS, btrfs, APFS, NTFS). exFAT, FAT and most network or shared folders have none.',
  },
  JOURNAL_FAILED: {
    disposition: 'stop',
    hint: 'Read the system log, then start the daemon again. It recovers by itself.',
  },
  JOURNAL_DAMAGED: {
    disposition: 'stop',
    hint: 'Restore the named file of bus_root/journal from a backup. Do not delete the journal.',
  },
  FILE_DAMAGED: {
    disposition: 'retry',
    hint: 'Run `quantbot-bus verify` to list every damaged file. Restore each from a backup, or submit the same bytes again.',
  },
  CROSS_DEVICE: {
    disposition: 'stop',
    hint: 'Put bus_root and duckdb_path on one file system.',
  },
  FOREIGN_DATABASE: {
    disposition: 'retry',
    hint: 'Run `quantbot-bus adopt FILE` to bring its tables into the bus. Or move it aside (`mv FILE FILE.before-bus`), and the bus publishes its own.',
  },
  OLD_DATABASE_UNREADABLE: {
    disposition: 'caller',
    hint: 'Give the path of a DuckDB database. Export a database of a newer DuckDB with that version.',
  },
  OLD_DATABASE_UNMERGED: {
    disposition: 'caller',
    hint: 'Stop the program that writes into the database. Open it once for writing and run CHECKPOINT. Then try again.',
  },
  OLD_DATABASE_LOCKED: {
    disposition: 'caller',
    hint: 'Stop the programs that write into it, then try again. Readers may stay.',
  },
  TABLE_NOT_FOUND: { disposition: 'caller', hint: 'Name an existing table with its schema: main.trades.' },
  ADOPTION_BLOCKED: {
    disposition: 'caller',
    hint: 'Choose another name (`--map main.trades=trades_old`), leave a table out (`--skip main.trades`), or do what the details say.',
  },
  ADOPTION_CHANGED: {
    disposition: 'caller',
    hint: 'Stop the programs that write into it. Run `quantbot-bus compare TABLE FILE` to see which rows the bus lacks, and submit them. Then move the file aside. Nothing was replaced.',
  },
  ADOPTION_MISMATCH: {
    disposition: 'caller',
    hint: 'Please report this, with the details. Nothing was replaced, and the old database is in its place.',
  },
  ADOPTION_UNPUBLISHED: {
    disposition: 'retry',
    hint: "Read the daemon's log, then run the same command again. It continues where it stopped. Nothing is lost.",
  },
  KEY_NOT_FOUND: { disposition: 'caller', hint: 'Name columns that both tables have: `--key symbol,ts`.' },
  EXPORT_PATH_TAKEN: {
    disposition: 'retry',
    hint: 'Move that folder away, or give the export another path. The daemon retries by itself.',
  },
  WORKER_DIED: {
    disposition: 'retry',
    hint: 'Read the log above if this happens again. The daemon retries by itself.',
  },
  WORKER_CRASHED: {
    disposition: 'retry',
    hint: 'Change the SQL if it is an export. Please report the crash of DuckDB either way.',
  },
  WORKER_KILLED: {
    disposition: 'retry',
    hint: 'Look for an out-of-memory kill in the system log (`dmesg`). The daemon retries by itself.',
  },
  WORKER_MEMORY: { disposition: 'retry', hint: 'Raise the memory limit, or reduce the work.' },
  WORKER_TIMEOUT: { disposition: 'retry', hint: 'Raise the time limit, or reduce the work.' },
  ARTIFACT_NOT_FOUND: {
    disposition: 'caller',
    hint: 'Run `quantbot-bus catalog artifacts` to list the artifacts. Producers, kinds and ids are case-sensitive.',
  },
  BACKUP_TAKEN: {
    disposition: 'caller',
    hint: 'Give an empty folder, or one with an earlier backup of this bus, on another disk.',
  },
  BACKUP_AHEAD: {
    disposition: 'caller',
    hint: 'Keep that backup: it has jobs that the bus lacks. Give another folder, or restore the backup.',
  },
  BACKUP_BUSY: { disposition: 'retry', hint: 'Wait until the other backup has finished.' },
  BACKUP_RACED: { disposition: 'retry', hint: 'Try again in a moment. An earlier backup in the folder is unchanged.' },
  SCRUB_BUSY: {
    disposition: 'retry',
    hint: 'The daemon scrubs in the background: quantbot-bus status shows its progress. To hash everything at full speed, run quantbot-bus verify.',
  },
  QUERY_TIMEOUT: {
    disposition: 'caller',
    hint: 'Ask for less (a WHERE, a LIMIT, fewer columns), or use `quantbot-bus query`, which has no time limit.',
  },
  HTTP_LISTEN_FAILED: {
    disposition: 'stop',
    hint: 'Give another address (`--http 127.0.0.1:7172`, or http.listen in bus_config.json), or stop the program that uses this one.',
  },
  HTTP_TOKEN_NEEDED: {
    disposition: 'stop',
    hint: 'Listen on 127.0.0.1, or create a token and name its file in http.token_file: `node -p "crypto.randomBytes(18).toString(\'base64\')" > token && chmod 600 token`.',
  },
  HTTP_TOKEN_INVALID: {
    disposition: 'stop',
    hint: 'Write a token of at least 16 characters into the file: `node -p "crypto.randomBytes(18).toString(\'base64\')" > token && chmod 600 token`.',
  },
  HTTP_HOST_REFUSED: {
    disposition: 'caller',
    hint: 'Open http://localhost:PORT or a numeric address, or add the name to http.allowed_hosts in bus_config.json.',
  },
  HTTP_ORIGIN_REFUSED: {
    disposition: 'caller',
    hint: 'Send the request from a page of this server, or from a program.',
  },
  HTTP_UNAUTHORIZED: {
    disposition: 'caller',
    hint: 'Send the token of http.token_file: `Authorization: Bearer TOKEN`.',
  },
  HTTP_NOT_FOUND: { disposition: 'caller', hint: 'See /api/v1/openapi.json for all paths.' },
  HTTP_REQUEST_INVALID: { disposition: 'caller', hint: 'Correct what the details name. See /api/v1/openapi.json.' },
  HTTP_TOO_LARGE: { disposition: 'caller', hint: 'Send a smaller body.' },
  HTTP_BUSY: { disposition: 'retry', hint: 'Try again in a moment. The daemon is answering other requests.' },
  NOTIFY_VARIABLE_INVALID: {
    disposition: 'stop',
    hint: 'Set the variable where the daemon is started (Environment= or EnvironmentFile= of its service), or remove it from notify in bus_config.json.',
  },
  NOTIFY_FAILED: {
    disposition: 'caller',
    hint: 'Correct the hook in bus_config.json, then run `quantbot-bus notify test`. QUANTBOT_LOG_LEVEL=debug logs its answer. Jobs and exports are not affected.',
  },
  CONFIG_EXISTS: { disposition: 'caller', hint: 'Name another file, or pass `--force` to overwrite this one.' },
  OUTPUT_PATH_TAKEN: {
    disposition: 'caller',
    hint: 'Choose another path. Only the daemon writes there.',
  },
  JOB_NOT_FOUND: { disposition: 'caller', hint: 'Run `quantbot-bus rejected` to list the rejected jobs.' },
  JOB_ID_WAITING: { disposition: 'caller', hint: 'Wait until that job has settled (`quantbot-bus status`).' },
  SCAN_PATH_NOT_FOUND: {
    disposition: 'caller',
    hint: 'Name existing files or folders. Without any, scan reads the working folder.',
  },
  BASELINE_INVALID: {
    disposition: 'caller',
    hint: 'Delete FILE, then create it again: `quantbot-bus scan --baseline FILE --update-baseline`.',
  },
  EXPORT_FAILED: {
    disposition: 'retry',
    hint: 'Read data/exports/_export_status.json. The last good file is still there.',
  },
} as const satisfies Record<string, { disposition: Disposition; hint: string }>;

/** A code of {@link DaemonError}. */
export type DaemonCode = keyof typeof daemonCodes;

/** An error of the daemon or its machine. */
export class DaemonError extends CodedError<DaemonCode> {}

/** Creates a {@link DaemonError} with the hint of its code. */
export const daemonError = defineErrors('daemon', daemonCodes, DaemonError);

/** Whether a file was not what the daemon had written or stored, in this process or in a worker. */
export const isDamage = (error: unknown): error is CodedError =>
  error instanceof CodedError && error.code === 'FILE_DAMAGED';

/**
 * What the loop does about an error that no job is to blame for: end the process, or pause and try
 * again.
 */
export const dispositionOf = (error: unknown): 'stop' | 'pause' =>
  error instanceof DaemonError && error.disposition === 'stop' ? 'stop' : 'pause';

const hints: Record<string, string> = {
  ENOSPC: 'Free some space: the disk is full. The daemon resumes by itself.',
  EDQUOT: 'Free some space: the disk quota is used up. The daemon resumes by itself.',
  EACCES: 'Correct the permissions: the daemon may not write there. It resumes by itself.',
  EPERM: 'Correct the permissions: the daemon may not do that. It resumes by itself.',
  EROFS: 'Mount the file system writable: it is read-only. The daemon resumes by itself.',
  EMFILE: 'Raise the limit of open files (`ulimit -n`). The process has reached it.',
  ENFILE: 'Raise fs.file-max, or close files. The machine has too many open.',
  EIO: 'Read the system log before you go on. The disk failed.',
  EXDEV: 'Put all folders of bus_root on one file system.',
};

/** What to do about an error, for the log. */
export function hintFor(error: unknown): string {
  if (error instanceof CodedError) return error.hint;
  return hints[systemErrorCode(error) ?? ''] ?? 'The daemon retries by itself. If this goes on, please report it.';
}

const machineCodes = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM']);
/** What a system call says of one path that is not as it was expected. */
const pathCodes = new Set(
  'ENOENT EEXIST EISDIR ERR_FS_EISDIR ENOTDIR ENOTEMPTY ELOOP ENAMETOOLONG EINVAL EILSEQ ENXIO'.split(' '),
);

/** For what somebody may have moved meanwhile: `await look().catch(ignoreMissing)`. */
export function ignoreMissing(error: unknown): undefined {
  if (systemErrorCode(error) !== 'ENOENT') throw error;
}

/** What is read, or undefined when it cannot be, for any reason but one of the machine's. */
export function unlessUnreadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isMachineFault(error)) throw error;
    return undefined;
  }
}

/** Whether the machine has nothing left to give, which no file of a job can bring about. */
export const isMachineFault = (error: unknown): boolean => machineCodes.has(systemErrorCode(error) ?? '');

/**
 * Whether an error may be about one job's own files, which lie in `folder`. What may not be done,
 * or cannot be done, is taken for the machine's.
 */
export function isAboutAJob(error: unknown, folder: string): boolean {
  const code = systemErrorCode(error);
  if (code === undefined) return true;
  return pathCodes.has(code) && String((error as NodeJS.ErrnoException).path ?? '').startsWith(`${folder}/`);
}
