/**
 * `@quantbot/bus-format/journal`: the journal's rows and files, and the outcomes built from them.
 */
export { type ColumnOf, commitFile, rowsFile } from './commit-file.js';
export { damagedEmptyFiles, emptyTableFile, ensureEmptyCommit, ensureEmptyTableFiles } from './empty-files.js';
export {
  emptyCommit,
  isTableFile,
  listHotCommits,
  listSegments,
  liveSegments,
  positionIn,
  readSegments,
  type Segment,
  segmentName,
  seqName,
  tableFileName,
} from './files.js';
export { foldKeys, forgottenQuery, isOneOf, type KeyRow, withoutErased } from './forgotten.js';
export { Journal } from './journal.js';
export { type Judged, type JudgedJournal, judge, judgeBy } from './judge.js';
export type { Gone, KnownArtifact } from './known-keys.js';
export { countDismissedQuery } from './marks.js';
export {
  asItCame,
  isOutcomeOf,
  isRejection,
  maxOutcomeBytes,
  receiptOf,
  rejectDetailsOf,
  rejectReasonOf,
  textOf,
} from './outcome.js';
export { damaged, liveJournalFiles, rottenJournalFiles } from './rot.js';
export {
  emptyRow,
  groupByClaim,
  isOfTable,
  type JobHead,
  type JournalRow,
  journalColumnKinds,
  journalColumns,
  outcomeOfJob,
} from './row.js';
export { checkSeal, placeIn, type ReadInParts, type SealState, sealFile, sealMetadata, sealOf } from './seal.js';
export type { HotCommits } from './snapshot.js';
export { TableNames } from './table-names.js';
export type { FoundTable } from './table-operations.js';
export { TableSegments } from './table-segments.js';
export { segmentsToMerge, similarSegmentsToMerge } from './tiers.js';
