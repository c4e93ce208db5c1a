import { CodedError, type Disposition, defineErrors } from '@quantbot/infra';
import { systemErrorCode } from '@quantbot/infra/files';
import { systemCodeOf } from './duckdb-fault.js';
import { httpCodes } from './http-codes.js';

/** The daemon's own errors: none of them is a job's fault. */
export const daemonCodes = {
  LOCK_TIMEOUT: {
    disposition: 'stop',
    hint: 'Stop the other daemon, or raise lock_timeout_s in bus_config.json. Only one daemon may write.',
  },
  BUS_REMOVED: {
    disposition: 'stop',
    hint: 'Move the folder back, or correct bus_root and duckdb_path. Then start the daemon again. It wrote nothing to the new folder.',
  },
  LOCK_LOST: {
    disposition: 'stop',
    hint: 'Start the daemon again. It takes the lock and recovers by itself. If this happens again, please report it.',
  },
  NO_HARD_LINKS: {
    disposition: 'stop',
    hint: 'Put bus_root and duckdb_path on a file system with hard links (ext4, XFS, btrfs, APFS, NTFS). exFAT, FAT and most network or shared folders do not support them.',
  },
  NOT_A_FOLDER: {
    disposition: 'stop',
    hint: 'Move that file away (`mv PATH PATH.aside`). If the folder held data, restore it from a backup. Then run the command again.',
  },
  TOO_FEW_DESCRIPTORS: {
    disposition: 'stop',
    hint: 'Raise the limit of open files where the command is started: `ulimit -n 1024`, LimitNOFILE= of its service, or --ulimit of its container.',
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
    hint: 'Run `quantbot-bus adopt FILE` to bring its tables into the bus. Or move it aside (`mv FILE FILE.before-bus`): the bus then publishes its own database.',
  },
  POSTGRES_UNREACHABLE: {
    disposition: 'stop',
    hint: 'Start PostgreSQL, or correct cluster.postgres. Then run the command again.',
  },
  CLUSTER_OLDER: {
    disposition: 'stop',
    hint: 'Run `quantbot-bus cluster init`: it brings the schema to the version of this program.',
  },
  CLUSTER_NEWER: {
    disposition: 'stop',
    hint: 'Upgrade this program. A newer one has migrated the schema, and older daemons must not write to it.',
  },
  CLUSTER_BEHIND: {
    disposition: 'stop',
    hint: 'Stop all daemons, and run `quantbot-bus rebuild --from-objects`: it adds the jobs that the database lacks. The database was probably restored from an older backup.',
  },
  DATABASE_NOT_LOST: {
    disposition: 'caller',
    hint: 'Nothing has to be rebuilt from the objects. If readers lack rows, run `quantbot-bus rebuild`.',
  },
  JOURNALS_DIFFER: {
    disposition: 'caller',
    hint: 'Give an empty database. Keep the other one: it has jobs that are not in the bucket.',
  },
  JOURNAL_BUSY: {
    disposition: 'caller',
    hint: 'Stop all daemons, and other runs of this command. Then run it again: it continues where it stopped.',
  },
  MOVE_SOURCE_RUNS: {
    disposition: 'caller',
    hint: 'Stop all daemons of the cluster. One that was killed counts as running for two leases (cluster.lease_s). Then run the command again.',
  },
  MOVE_TARGET_TAKEN: {
    disposition: 'caller',
    hint: 'Name an empty place in the new configuration: another bus_root, or another database and prefix of the bucket. Nothing was changed there.',
  },
  MOVE_MISMATCH: {
    disposition: 'caller',
    hint: 'Keep the old bus, which is unchanged. Please report this, with the details.',
  },
  CLUSTER_PACKAGE_MISSING: {
    disposition: 'stop',
    hint: 'Run `npm install @quantbot/bus-cluster` beside @quantbot/bus-daemon, in the same version.',
  },
  CLUSTER_UNSUPPORTED: {
    disposition: 'caller',
    hint: 'Read docs/guides/many-machines.md: it lists what works on a cluster, and what to use instead.',
  },
  OLD_DATABASE_UNREADABLE: {
    disposition: 'caller',
    hint: 'Give the path of a DuckDB database. If a newer DuckDB wrote it, export it with that version.',
  },
  OLD_DATABASE_UNMERGED: {
    disposition: 'caller',
    hint: 'Stop the program that writes to the database. Open it once for writing and run CHECKPOINT. Then try again.',
  },
  OLD_DATABASE_LOCKED: {
    disposition: 'caller',
    hint: 'Stop the programs that write to the database, then try again. Readers may keep it open.',
  },
  TABLE_NOT_FOUND: { disposition: 'caller', hint: 'Name an existing table with its schema: main.trades.' },
  ADOPTION_BLOCKED: {
    disposition: 'caller',
    hint: 'Choose another name (`--map main.trades=trades_old`), leave a table out (`--skip main.trades`), or do what the details say.',
  },
  ADOPTION_CHANGED: {
    disposition: 'caller',
    hint: 'Stop the programs that write to the database. Run `quantbot-bus compare TABLE FILE` to see which rows the bus lacks, and submit them. Then move the file aside. Nothing was replaced.',
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
  ROWS_UNPUBLISHED: {
    disposition: 'retry',
    hint: 'Restore the object of the named artifact, or take its rows out with `quantbot-bus forget KEY --rows drop --force --apply`.',
  },
  COMPACTION_FAILED: {
    disposition: 'retry',
    hint: 'Give the machine more memory, raise limits.decode_memory_mb, or write the files of this table with smaller row groups and values. Its rows stay readable, and the daemon retries by itself.',
  },
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
  BACKUP_INCOMPLETE: {
    disposition: 'stop',
    hint: 'Run `quantbot-bus verify`, and bring the files back. Then migrate again.',
  },
  BACKUP_RACED: { disposition: 'retry', hint: 'Try again in a moment. An earlier backup in the folder is unchanged.' },
  SCRUB_BUSY: {
    disposition: 'retry',
    hint: 'Run `quantbot-bus status` to see the progress of the running scrub. To hash everything at full speed, run `quantbot-bus verify`.',
  },
  QUERY_TIMEOUT: {
    disposition: 'caller',
    hint: 'Ask for less (a WHERE, a LIMIT, fewer columns), or use `quantbot-bus query`, which has no time limit.',
  },
  ...httpCodes,
  NOTIFY_VARIABLE_INVALID: {
    disposition: 'stop',
    hint: 'Set the variable where the daemon is started (Environment= or EnvironmentFile= of its service), or remove it from notify in bus_config.json.',
  },
  NOTIFY_FAILED: {
    disposition: 'caller',
    hint: 'Correct the hook in bus_config.json, then run `quantbot-bus notify test`. Set QUANTBOT_LOG_LEVEL=debug to log its answer. Jobs and exports are not affected.',
  },
  CONFIG_EXISTS: { disposition: 'caller', hint: 'Name another file, or pass `--force` to overwrite this one.' },
  OUTPUT_PATH_TAKEN: {
    disposition: 'caller',
    hint: 'Choose another path. Only the daemon writes there.',
  },
  JOB_NOT_FOUND: { disposition: 'caller', hint: 'Run `quantbot-bus rejected` to list the rejected jobs.' },
  JOB_ID_WAITING: { disposition: 'caller', hint: 'Wait until that job has settled (`quantbot-bus status`).' },
  CLOSED_BY_OTHERS: {
    disposition: 'caller',
    hint: 'Its owner has closed it. Have root remove it: `sudo rm -r PATH`.',
  },
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
    hint: 'Read data/exports/_export_status.json. The last good export is unchanged.',
  },
} as const satisfies Record<string, { disposition: Disposition; hint: string }>;

/** A code of {@link DaemonError}. */
export type DaemonCode = keyof typeof daemonCodes;

/** An error of the daemon or its machine. */
export class DaemonError extends CodedError<DaemonCode> {}

/** Creates a {@link DaemonError} with the hint of its code. */
export const daemonError = defineErrors('daemon', daemonCodes, DaemonError);

/** Whether an error, of this process or of a worker, says that a stored file has changed. */
export const isDamage = (error: unknown): error is CodedError =>
  error instanceof CodedError && error.code === 'FILE_DAMAGED';

/**
 * Returns how the loop reacts to an error that no job caused: `stop` ends the process, `pause`
 * waits and retries.
 */
export const dispositionOf = (error: unknown): 'stop' | 'pause' =>
  error instanceof DaemonError && error.disposition === 'stop' ? 'stop' : 'pause';

const orders: Record<string, string> = {
  ENOSPC: 'Free some space: the disk is full.',
  EDQUOT: 'Free some space: the disk quota is used up.',
  EACCES: 'Correct the permissions: this user may not write there.',
  EPERM: 'Correct the permissions: this user may not do that.',
  EROFS: 'Mount the file system writable: it is read-only.',
  EMFILE: 'Raise the limit of open files (`ulimit -n`). The process has reached it.',
  ENFILE: 'Raise fs.file-max, or close files. The machine has too many open.',
  EIO: 'Read the system log (`dmesg`): the disk reported an error. Check the disk before you go on.',
  EXDEV: 'Put all folders of bus_root on one file system.',
};
/** The daemon resumes by itself once the cause is gone. */
const passing = new Set(['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS']);

/** Returns what to do about an error of the system, if it is known. */
export const orderFor = (error: unknown): string | undefined => orders[systemCodeOf(error) ?? ''];

/** Returns what to do about an error, for the daemon's log. */
export function hintFor(error: unknown): string {
  if (error instanceof CodedError) return error.hint;
  const order = orderFor(error) ?? 'The daemon retries by itself. If this goes on, please report it.';
  return passing.has(systemCodeOf(error) ?? '') ? `${order} The daemon resumes by itself.` : order;
}

const machineCodes = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM']);
/** Errors of system calls that are about one path. */
const pathCodes = new Set(
  'ENOENT EEXIST EISDIR ERR_FS_EISDIR ENOTDIR ENOTEMPTY ELOOP ENAMETOOLONG EINVAL EILSEQ ENXIO'.split(' '),
);

/** Ignores an error about a missing file: `await look().catch(ignoreMissing)`. */
export function ignoreMissing(error: unknown): undefined {
  if (systemErrorCode(error) !== 'ENOENT') throw error;
}

/** Returns what `read` returns, or undefined if it fails. Throws machine faults. */
export function unlessUnreadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isMachineFault(error)) throw error;
    return undefined;
  }
}

/** Whether the machine has run out of something or failed. No file of a job can cause that. */
export const isMachineFault = (error: unknown): boolean => machineCodes.has(systemCodeOf(error) ?? '');

/**
 * Whether an error may be about the files of one job, which lie in `folder`. Treats permission
 * errors and unsupported operations as machine faults.
 */
export function isAboutAJob(error: unknown, folder: string): boolean {
  const code = systemErrorCode(error);
  if (code === undefined) return true;
  return pathCodes.has(code) && String((error as NodeJS.ErrnoException).path ?? '').startsWith(`${folder}/`);
}
