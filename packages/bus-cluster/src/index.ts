/** `@quantbot/bus-cluster`: the bus on PostgreSQL, an object store and DuckLake. */
export { archivedJournal, downloadJournal, JournalArchive, type MergeFiles, readJournalFile } from './archive.js';
export { carriedManifest, isManifestOf } from './carried-manifest.js';
export { rejectedAmong } from './dismissals.js';
export * from './exports.js';
export {
  type ForgottenArtifact,
  forgottenAmong,
  keysWithRowsOnly,
  rowsOfFragment,
  turnsOfTables,
} from './forgotten.js';
export type { Fragment } from './fragment.js';
export * from './fragments.js';
export { appendHistory, type HistoryRow, historyBetween } from './history.js';
export { entryOf } from './inbox.js';
export {
  type Commit,
  CommitUnknown,
  commitBatch,
  type Decision,
  type Head,
  resolveCommit,
  rowsBetween,
  rowsOf,
  rowsOfJobs,
  type Submission,
  schemasBetween,
} from './journal.js';
export { judgeIn } from './judge.js';
export { dropLake } from './lake/drop-lake.js';
export { dropOldFiles } from './lake/erase.js';
export { damagedFile, hurtIn, lakeFiles } from './lake/lake-files.js';
export { isLakeWhole, maintainLake } from './lake/maintenance.js';
export { LakePublisher, type PublisherOptions } from './lake/publisher.js';
export { tableStreamed } from './lake/table-streamed.js';
export { allRowsOf, lakeColumns, lakeTypes, unsupportedColumns } from './lake/tables.js';
export type { LakePlace } from './lake/write-file.js';
export { migrate, mustBeCurrent } from './migrate.js';
export { busIdOf, openBusObjects } from './objects-of-bus.js';
export { putOutcome } from './outcomes.js';
export { pagesOf } from './pages.js';
export { atTheirPlaces, freshPlace } from './places.js';
export { hostOf, Postgres, type Queries } from './postgres/postgres.js';
export { readState } from './read-state.js';
export { condemn, nextRemoval, noteRemoved, removeCondemned } from './removal.js';
export { type RestoredJournal, restoreJournal } from './restore.js';
export { lastSettled, noteSettled, unsettled } from './settling.js';
export { OperatedTables, operatedTables, tableOperationsBetween } from './table-operations.js';
export {
  artifactsOfTable,
  countArtifactsOf,
  datedRetypes,
  datedSchemas,
  forgottenRowsOf,
  type StoredArtifact,
  tablesAt,
} from './tables-at.js';
export { clusterTokens } from './tokens.js';
export { addTotals, type ClusterTotals, noTotals } from './totals.js';
export { readClusterGc, readClusterScrub } from './upkeep.js';
export { sharedUploads } from './uploads.js';
export * from './work.js';
export { channel } from './write-jobs.js';
