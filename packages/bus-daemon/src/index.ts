export { type BackupReport, backup } from '@quantbot/bus-care/backup';
export { collectGarbage, type GcItem, type GcOptions } from '@quantbot/bus-care/gc';
export { type BusStatus, readStatus } from '@quantbot/bus-care/status';
export {
  type StoreProblem,
  type StoreProblemCode,
  type VerifyOptions,
  type VerifyReport,
  verifyStore,
} from '@quantbot/bus-care/verify';
export { type DaemonCode, DaemonError, daemonCodes } from '@quantbot/bus-format';
export type { ExportEntry } from '@quantbot/bus-format/state';
export {
  type LockHolder,
  listRejected,
  type RejectedEntry,
  readLockHolder,
  readRejected,
  retryRejected,
} from '@quantbot/bus-format/state';
export { version } from '@quantbot/bus-format/version';
export type { AdoptionReport, AdoptOptions } from '@quantbot/bus-migrate/adopt';
export { type CompareOptions, type Comparison, compareTable } from '@quantbot/bus-migrate/compare';
export { adopt } from './adopt.js';
export { type DaemonOptions, startDaemon } from './daemon.js';
export { type RebuildReport, rebuild } from './rebuild.js';
export type { Daemon } from './running-daemon.js';
export type { MaintenanceWork } from './writer/loop/maintenance.js';
