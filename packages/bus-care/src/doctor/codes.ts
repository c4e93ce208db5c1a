import { registerCodes } from '@quantbot/infra/bus';

/** The level of a finding: after a `warning` the exit code is 0, after a `problem` 2. */
export type FindingLevel = 'warning' | 'problem';

/** The check and the level of a code's findings. */
export interface FindingKind {
  check: string;
  level: FindingLevel;
}

/**
 * All findings of doctor, by code. docs/guides/troubleshooting.md lists each of them; a test
 * compares the two.
 */
export const findingCodes = registerCodes('doctor', {
  CONFIG_INVALID: { check: 'configuration', level: 'problem' },
  CONFIG_NOT_FOUND: { check: 'configuration', level: 'problem' },
  BUS_ROOT_INVALID: { check: 'configuration', level: 'problem' },
  CONFIG_CHANGED: { check: 'configuration', level: 'warning' },
  PRODUCERS_ELSEWHERE: { check: 'configuration', level: 'warning' },
  TOKENS_IN_THE_CLEAR: { check: 'configuration', level: 'warning' },
  BUS_NOT_STARTED: { check: 'bus', level: 'warning' },
  MARKER_UNREADABLE: { check: 'bus', level: 'problem' },
  FOLDER_MISSING: { check: 'bus', level: 'problem' },
  NOT_WRITABLE: { check: 'permissions', level: 'problem' },
  OPEN_TO_OTHERS: { check: 'permissions', level: 'warning' },
  JOBS_OPEN_TO_OTHERS: { check: 'permissions', level: 'warning' },
  READ_ONLY: { check: 'permissions', level: 'problem' },
  DIFFERENT_FILE_SYSTEMS: { check: 'file-systems', level: 'problem' },
  NO_HARD_LINKS: { check: 'file-systems', level: 'problem' },
  NETWORK_FILE_SYSTEM: { check: 'file-systems', level: 'warning' },
  DISK_FULL: { check: 'disk', level: 'problem' },
  DISK_LOW: { check: 'disk', level: 'warning' },
  DISK_FILLING: { check: 'disk', level: 'warning' },
  INODES_FULL: { check: 'disk', level: 'problem' },
  INODES_LOW: { check: 'disk', level: 'warning' },
  DAEMON_NOT_RUNNING: { check: 'writer', level: 'warning' },
  STALE_LOCK_FILE: { check: 'writer', level: 'warning' },
  SECOND_DAEMON: { check: 'writer', level: 'warning' },
  WRITER_ELSEWHERE: { check: 'writer', level: 'warning' },
  WRITER_HIDDEN: { check: 'writer', level: 'warning' },
  GUARD_REMOVED: { check: 'writer', level: 'problem' },
  GUARD_DAMAGED: { check: 'writer', level: 'warning' },
  WRITER_OF_OTHER_BUS: { check: 'writer', level: 'problem' },
  DAEMON_PAUSED: { check: 'daemon', level: 'problem' },
  DAEMON_SUSPENDED: { check: 'daemon', level: 'problem' },
  DAEMON_SILENT: { check: 'daemon', level: 'problem' },
  JOBS_WITHOUT_DAEMON: { check: 'jobs', level: 'problem' },
  JOBS_NOT_TAKEN: { check: 'jobs', level: 'problem' },
  JOB_CLOSED: { check: 'jobs', level: 'problem' },
  JOB_UNCOMMITTED: { check: 'jobs', level: 'warning' },
  INBOX_STRAYS: { check: 'jobs', level: 'warning' },
  JOB_STUCK: { check: 'jobs', level: 'warning' },
  JOBS_REJECTED: { check: 'rejected', level: 'warning' },
  DATABASE_MISSING: { check: 'database', level: 'problem' },
  DATABASE_LOCKED: { check: 'database', level: 'problem' },
  DATABASE_WAL: { check: 'database', level: 'problem' },
  DATABASE_FOREIGN: { check: 'database', level: 'problem' },
  DATABASE_MOVED: { check: 'database', level: 'problem' },
  OLD_DATABASE_HELD: { check: 'database', level: 'warning' },
  JOURNAL_DAMAGED: { check: 'journal', level: 'problem' },
  FILE_DAMAGED: { check: 'rot', level: 'problem' },
  TABLE_WAITS: { check: 'tables', level: 'problem' },
  TABLE_MISSING: { check: 'tables', level: 'problem' },
  VIEW_FAILED: { check: 'tables', level: 'warning' },
  EXPORTS_DISABLED: { check: 'exports', level: 'warning' },
  EXPORT_STATUS_UNREADABLE: { check: 'exports', level: 'problem' },
  EXPORT_FAILED: { check: 'exports', level: 'problem' },
  EXPORT_GONE: { check: 'exports', level: 'problem' },
  EXPORT_STALE: { check: 'exports', level: 'problem' },
  LEFTOVERS: { check: 'leftovers', level: 'warning' },
  NODE_TOO_OLD: { check: 'versions', level: 'problem' },
  OTHER_VERSION: { check: 'versions', level: 'warning' },
  COMMITS_IN_FUTURE: { check: 'clock', level: 'warning' },
  FILES_IN_FUTURE: { check: 'clock', level: 'warning' },
  CHECK_FAILED: { check: 'doctor', level: 'problem' },
} as const satisfies Record<string, FindingKind>);

/** The code of a finding. */
export type FindingCode = keyof typeof findingCodes;
