import { CodedError, type Disposition, systemErrorCode } from '@quantbot/infra';

/** The daemon's own errors: none of them is a job's fault. */
export const daemonCodes = {
  LOCK_TIMEOUT: {
    disposition: 'stop',
    hint: 'Only one daemon may write. Stop the other one, or raise lock_timeout_s in bus_config.json.',
  },
  BUS_REMOVED: {
    disposition: 'stop',
    hint: 'Nothing was written there since. See what lies at the paths now; if the folder was moved, move it back or correct bus_root and duckdb_path; then start the daemon again.',
  },
  LOCK_LOST: {
    disposition: 'stop',
    hint: 'Start the daemon again: it takes the lock anew, and recovers by itself. If it happens again, please report it.',
  },
  NO_HARD_LINKS: {
    disposition: 'stop',
    hint: 'Put bus_root and duckdb_path on a file system that has hard links (ext4, XFS, btrfs, APFS, NTFS); exFAT, FAT and most network or shared folders have none.',
  },
  JOURNAL_FAILED: {
    disposition: 'stop',
    hint: 'The disk did not take the commit. Look at the system log, then start the daemon again: it recovers by itself.',
  },
  JOURNAL_DAMAGED: {
    disposition: 'stop',
    hint: 'Restore the named file of bus_root/journal from a backup; do not delete the journal.',
  },
  FILE_DAMAGED: {
    disposition: 'retry',
    hint: 'The disk has changed a file. quantbot-bus verify names all of them. Put the stored file back from a backup, or submit the same bytes again.',
  },
  CROSS_DEVICE: {
    disposition: 'stop',
    hint: 'Put bus_root and duckdb_path on one file system.',
  },
  FOREIGN_DATABASE: {
    disposition: 'retry',
    hint: 'quantbot-bus adopt FILE shows how its tables become tables of the bus. Or move it aside (mv FILE FILE.before-bus): the bus then publishes its own.',
  },
  OLD_DATABASE_UNREADABLE: {
    disposition: 'caller',
    hint: 'Give the path of a DuckDB database; one of a newer DuckDB must be exported by that version.',
  },
  OLD_DATABASE_UNMERGED: {
    disposition: 'caller',
    hint: 'Let the program that writes into it end, open it once for writing and run CHECKPOINT, then try again.',
  },
  OLD_DATABASE_LOCKED: {
    disposition: 'caller',
    hint: 'Stop the programs that write into it, then try again; readers do no harm.',
  },
  TABLE_NOT_FOUND: { disposition: 'caller', hint: 'Name a table that is there, with its schema: main.trades.' },
  ADOPTION_BLOCKED: {
    disposition: 'caller',
    hint: 'Choose another name (--map main.trades=trades_old), leave a table out (--skip main.trades), or do what the details say.',
  },
  ADOPTION_CHANGED: {
    disposition: 'caller',
    hint: 'Nothing was replaced. Stop what writes into it; quantbot-bus compare TABLE FILE shows which rows the bus does not have yet. Submit those, then move the file aside.',
  },
  ADOPTION_MISMATCH: {
    disposition: 'caller',
    hint: 'Nothing was replaced and the old database is where it was. Please report this, with the details.',
  },
  ADOPTION_UNPUBLISHED: {
    disposition: 'retry',
    hint: 'Nothing is lost. See what the log of the daemon says, then run the same command again: it goes on where it was.',
  },
  KEY_NOT_FOUND: { disposition: 'caller', hint: 'Name columns that both tables have: --key symbol,ts.' },
  EXPORT_PATH_TAKEN: {
    disposition: 'retry',
    hint: 'Move that folder away, or give the export another path; it is tried again by itself.',
  },
  WORKER_DIED: {
    disposition: 'retry',
    hint: 'The work is tried again by itself; if it dies again, see the log above.',
  },
  WORKER_CRASHED: {
    disposition: 'retry',
    hint: 'What it was working on has crashed DuckDB. If it is an export, change its SQL; please report it either way.',
  },
  WORKER_KILLED: {
    disposition: 'retry',
    hint: 'Mostly the kernel does that when memory runs out: see the system log (dmesg). The work is retried.',
  },
  WORKER_MEMORY: { disposition: 'retry', hint: 'Raise the memory limit, or make the work smaller.' },
  WORKER_TIMEOUT: { disposition: 'retry', hint: 'Raise the time limit, or make the work smaller.' },
  ARTIFACT_NOT_FOUND: {
    disposition: 'caller',
    hint: 'quantbot-bus catalog artifacts lists what there is; producers, kinds and ids are case-sensitive.',
  },
  BACKUP_TAKEN: {
    disposition: 'caller',
    hint: 'Give a folder that is empty, or has an earlier backup of this bus, on another disk.',
  },
  BACKUP_AHEAD: {
    disposition: 'caller',
    hint: 'Keep that backup: it has what the bus has not. Give another folder, or restore it.',
  },
  BACKUP_BUSY: { disposition: 'retry', hint: 'Wait until it has ended.' },
  BACKUP_RACED: { disposition: 'retry', hint: 'An earlier backup there is as it was. Try again in a moment.' },
  QUERY_TIMEOUT: {
    disposition: 'caller',
    hint: 'Ask for less: a WHERE, a LIMIT, fewer columns; or run it with quantbot-bus query, which does not hurry.',
  },
  HTTP_LISTEN_FAILED: {
    disposition: 'stop',
    hint: 'Give another address (--http 127.0.0.1:7172, or http.listen in bus_config.json), or stop what has this one.',
  },
  HTTP_TOKEN_NEEDED: {
    disposition: 'stop',
    hint: 'Listen on 127.0.0.1, or name a file with a token in http.token_file: head -c 24 /dev/urandom | base64 > token; chmod 600 token.',
  },
  HTTP_TOKEN_INVALID: {
    disposition: 'stop',
    hint: 'Write a token of 16 characters or more into the file: head -c 24 /dev/urandom | base64 > token; chmod 600 token.',
  },
  HTTP_HOST_REFUSED: {
    disposition: 'caller',
    hint: 'Come by localhost or a numeric address, or add the name to http.allowed_hosts in bus_config.json.',
  },
  HTTP_ORIGIN_REFUSED: { disposition: 'caller', hint: 'Only pages of this server may ask it in a browser.' },
  HTTP_UNAUTHORIZED: {
    disposition: 'caller',
    hint: 'Send the token of http.token_file: Authorization: Bearer TOKEN.',
  },
  HTTP_NOT_FOUND: { disposition: 'caller', hint: 'What there is: /api/v1/openapi.json.' },
  HTTP_REQUEST_INVALID: { disposition: 'caller', hint: 'Correct what the details name; see /api/v1/openapi.json.' },
  HTTP_TOO_LARGE: { disposition: 'caller', hint: 'Send less.' },
  HTTP_BUSY: { disposition: 'retry', hint: 'Other questions are being answered; ask again in a moment.' },
  NOTIFY_VARIABLE_INVALID: {
    disposition: 'stop',
    hint: 'Set the variable where the daemon is started (Environment= or EnvironmentFile= of its service), or take it out of notify in bus_config.json.',
  },
  NOTIFY_FAILED: {
    disposition: 'caller',
    hint: 'Jobs and exports are not affected. Correct the hook in bus_config.json, and try it: quantbot-bus notify test; QUANTBOT_LOG_LEVEL=debug logs what it answered.',
  },
  CONFIG_EXISTS: { disposition: 'caller', hint: 'Name another file, or say --force to write over this one.' },
  OUTPUT_PATH_TAKEN: {
    disposition: 'caller',
    hint: 'Write it somewhere else: what lies there is published, and nobody but the daemon writes it.',
  },
  JOB_NOT_FOUND: { disposition: 'caller', hint: 'quantbot-bus rejected lists the jobs that were rejected.' },
  JOB_ID_WAITING: { disposition: 'caller', hint: 'Wait until that job has settled: quantbot-bus status.' },
  SCAN_PATH_NOT_FOUND: {
    disposition: 'caller',
    hint: 'Give files or folders that are there; without any, the working folder is scanned.',
  },
  BASELINE_INVALID: {
    disposition: 'caller',
    hint: 'Make it again from what is there now: quantbot-bus scan --baseline FILE --update-baseline (delete FILE first).',
  },
  EXPORT_FAILED: {
    disposition: 'retry',
    hint: 'See data/exports/_export_status.json; the last good file is still there.',
  },
} as const satisfies Record<string, { disposition: Disposition; hint: string }>;

/** A code of {@link DaemonError}. */
export type DaemonCode = keyof typeof daemonCodes;

/** An error of the daemon or its machine. */
export class DaemonError extends CodedError<DaemonCode> {
  get disposition(): Disposition {
    return daemonCodes[this.code].disposition;
  }
}

/** Makes a {@link DaemonError} with the hint that its code carries. */
export const daemonError = (
  code: DaemonCode,
  message: string,
  more: { details?: readonly string[]; cause?: unknown; hint?: string } = {},
): DaemonError => new DaemonError(code, message, { hint: daemonCodes[code].hint, ...more });

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
  ENOSPC: 'The disk is full. Free some space; the daemon goes on by itself.',
  EDQUOT: 'The disk quota is used up. Free some space; the daemon goes on by itself.',
  EACCES: 'The daemon may not write there. Correct the permissions; it goes on by itself.',
  EPERM: 'The daemon may not do that. Correct the permissions; it goes on by itself.',
  EROFS: 'The file system is read-only. Mount it writable; the daemon goes on by itself.',
  EMFILE: 'The process has too many open files. Raise the limit (ulimit -n).',
  ENFILE: 'The machine has too many open files. Raise fs.file-max, or close some.',
  EIO: 'The disk failed. Look at the system log before going on.',
  EXDEV: 'Put all folders of bus_root on one file system.',
};

/** What to do about an error, for the log. */
export function hintFor(error: unknown): string {
  if (error instanceof CodedError) return error.hint;
  return hints[systemErrorCode(error) ?? ''] ?? 'The daemon tries again by itself; if this goes on, please report it.';
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
