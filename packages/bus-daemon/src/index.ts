export type { AdoptionReport, AdoptOptions } from './adopt/adopt.js';
export { adopt } from './adopt.js';
export { type BackupReport, backup } from './backup/backup.js';
export { collectGarbage, type GcItem, type GcOptions } from './care/gc.js';
export { type RebuildReport, rebuild } from './care/rebuild.js';
export { listRejected, type RejectedEntry, readRejected, retryRejected } from './care/rejected.js';
export {
  type StoreProblem,
  type StoreProblemCode,
  type VerifyOptions,
  type VerifyReport,
  verifyStore,
} from './care/verify-store.js';
export { type CompareOptions, type Comparison, compareTable } from './compare/compare-table.js';
export { type Daemon, type DaemonOptions, startDaemon } from './daemon.js';
export { type DaemonCode, DaemonError, daemonCodes } from './errors.js';
export type { ExportEntry } from './exports/status.js';
export { type BusStatus, readStatus } from './status.js';
export { version } from './version.js';
export { type LockHolder, readLockHolder } from './writer-lock.js';
