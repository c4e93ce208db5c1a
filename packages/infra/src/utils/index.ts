export { BusError, CodedError, isBusUnavailable } from '../errors.js';
export { artifactKey } from '../ids.js';
export { createLogger, type Logger } from '../logger.js';
export { type ParquetFooter, readParquetFooter } from '../parquet/footer.js';
export { type SmallColumnType, type SmallSchema, writeSmallParquet } from '../parquet/small-writer.js';
export type { ForgetOutcome, Receipt, ReceiptArtifact, RejectReason } from '../receipt.js';
export {
  type Because,
  dismissJobs,
  dropTable,
  forgetArtifacts,
  keepArtifacts,
  type OperationOptions,
  renameTable,
  restoreTable,
  retypeColumn,
  type SetTableMode,
  setAlias,
  setTableMode,
} from './operations.js';
export type {
  ArtifactOptions,
  JobOptions,
  SubmitArtifactOptions,
  SubmitArtifactsOptions,
  Transfer,
} from './options.js';
export { collectProvenance, type Provenance, type ProvenanceOptions } from './provenance.js';
export { JobRejectedError, type SettleOptions } from './settled.js';
export { type Submission, type SubmittedArtifact, submitArtifact, submitArtifacts } from './submit.js';
export { type BusPolicy, submitOrKeep } from './submit-or-keep.js';
