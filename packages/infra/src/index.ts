/**
 * `@quantbot/infra`: what producers need. The calls of `@quantbot/infra/utils`, and the schemas of
 * the files that a producer writes and reads: manifest, receipt and reject reason.
 */
export { initBusRoot } from './bus-root.js';
export {
  type CodedErrorOptions,
  type Disposition,
  defineErrors,
  type RejectCode,
  rejectCodes,
  type SubmitCode,
  submitCodes,
} from './errors.js';
export { artifactKeySchema, idSchema } from './id-schemas.js';
export { type ArtifactKeyParts, isId, maxIdLength } from './ids.js';
export type { LoggerOptions } from './logger.js';
export {
  type Manifest,
  type ManifestArtifact,
  manifestArtifactSchema,
  manifestSchema,
  maxArtifacts,
  maxInputs,
  operationManifestSchema,
  parseManifest,
} from './manifest.js';
export { type Operation, operationSchema, type TableOperation } from './operation.js';
export type { ParquetColumn } from './parquet/columns.js';
export { forgetOutcomeSchema, receiptArtifactSchema, receiptSchema, rejectReasonSchema } from './receipt.js';
export * from './utils/index.js';
export { exactJson } from './visible.js';
