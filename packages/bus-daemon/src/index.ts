export { type Daemon, type DaemonOptions, startDaemon } from './daemon.js';
export { type DaemonCode, DaemonError, daemonCodes } from './errors.js';
export { type BusStatus, readStatus } from './status.js';
export { version } from './version.js';
export { type LockHolder, readLockHolder } from './writer-lock.js';
