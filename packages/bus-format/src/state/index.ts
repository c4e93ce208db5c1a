/**
 * `@quantbot/bus-format/state`: the small files beside journal and store, locks, and file
 * ownership.
 */
export {
  type AdoptedTable,
  type AdoptionRecord,
  type FileIdentity,
  forgetRecord,
  isSameFile,
  listDamagedAdoptions,
  listRecords,
  workFolderOf,
  writeAdoptionRecord,
} from './adoption-record.js';
export {
  besideClaimed,
  claimedNames,
  isKept,
  listLeftBehind,
  listOwnFolders,
  parseClaimedName,
} from './claimed-names.js';
export {
  type DaemonState,
  daemonStateSchema,
  readDaemonState,
  stateFileOf,
  type WaitingTable,
} from './daemon-state.js';
export {
  type DatasetManifest,
  datasetManifest,
  datasetSchema,
  filesIn,
  generationBeside,
  isGarbage,
  isManifestOfDataset,
  manifestOf,
  readDataset,
  switchDataset,
  writeDatasetManifest,
} from './dataset.js';
export {
  checkExportStatus,
  type ExportEntry,
  type ExportStatus,
  exportStatusFile,
  isExportStatus,
  readExportStatus,
  writeExportStatus,
} from './export-status.js';
export { forgottenFileOf, forgottenStateSchema, readRemovedUpTo, writeRemovedUpTo } from './forgotten-state.js';
export {
  type GarbageKind,
  type GcState,
  garbageKinds,
  gcFileOf,
  gcStateAfter,
  gcStateSchema,
  readGcState,
  writeGcState,
} from './gc-state.js';
export { type Guard, lookAtGuard, tryGuard } from './guard.js';
export { hasHardLinks } from './hard-links.js';
export {
  countQueue,
  findAllWaiting,
  findWaiting,
  type InboxEntry,
  inInbox,
  lookIntoInbox,
  submissionTime,
  type WaitingJob,
} from './inbox.js';
export {
  lineageCursorFileOf,
  lineageCursorSchema,
  readLineageCursor,
  writeLineageCursor,
} from './lineage-cursor.js';
export { hasOpenFiles } from './open-files.js';
export {
  closedFolders,
  closeToOthers,
  filesForFolders,
  foldersOfOpenJobs,
  keepJobsApart,
  mustBeFolders,
  mustBeHere,
  openFolders,
} from './own-folders.js';
export {
  databasePath,
  hasRotted,
  isHeldOpen,
  listDamagedRecords,
  listPublished,
  type PublishedDatabase,
  recordOf,
  writeRecord,
} from './published.js';
export {
  isCurrentRejection,
  listRejected,
  type RejectedEntry,
  readRejected,
  retryRejected,
  submittableIn,
} from './rejected.js';
export {
  type FoundDamage,
  readScrubState,
  type ScrubFinding,
  type ScrubState,
  scrubFileOf,
  scrubStateSchema,
  writeScrubState,
} from './scrub-state.js';
export type { AnnouncedPart, SharedUploads } from './shared-uploads.js';
export { folderTokens, type StoredTokens, type TokenStore } from './token-store.js';
export {
  checkTokenName,
  configuredTokenName,
  createToken,
  isTokensFolderSafe,
  newToken,
  readTokens,
  readTokenUses,
  revokeToken,
  scopesSchema,
  sessionOf,
  type TokenRequest,
  type TokenScopes,
  type TokenState,
  type TokenUses,
  tokenHash,
  tokensFolderOf,
  tokenUsesFileOf,
  tokenUsesSchema,
  writeTokenUses,
} from './tokens.js';
export { whoseIsIt } from './whose-file.js';
export {
  acquireWriterLock,
  backupGuardOf,
  guardsOf,
  isGuard,
  isInSight,
  type LockHolder,
  lockFileOf,
  lockWork,
  readLockHolder,
  scrubGuardOf,
} from './writer-lock.js';
