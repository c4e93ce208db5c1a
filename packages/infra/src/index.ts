export { type Backoff, waitAfter } from './backoff.js';
export * from './bus-layout.js';
export {
  type BusMarker,
  findBusRoot,
  initBusRoot,
  isMarkerCopySound,
  markerIn,
  mendBusMarker,
  newMarkerText,
  readBusMarker,
  recordLayout,
  restoreBusMarker,
} from './bus-root.js';
export * from './errors.js';
export { busLimitsSchema, diskFull, freeBytes, limitsFileOf, mustHaveRoom, writeBusLimits } from './free-space.js';
export { artifactKeySchema, idSchema } from './id-schemas.js';
export { type ArtifactKeyParts, artifactKey, isId, maxIdLength, producerInJobId } from './ids.js';
export { jsonSchemaFiles } from './json-schemas.js';
export * from './logger.js';
export * from './manifest.js';
export { isHttpRoot } from './object-root.js';
export { foldName, nullType, type ParquetColumn } from './parquet/columns.js';
export * from './parquet/footer.js';
export type { ColumnFault, SchemaMeaning } from './parquet/meaning.js';
export { meaningRules } from './parquet/meaning-rules.js';
export * from './parquet/small-writer.js';
export { processIds } from './process-ids.js';
export * from './receipt.js';
export { canonTableOf, schemaHintProblem, schemaHintWarning } from './schema-hint.js';
export { startCommand } from './start-command.js';
export { JsonError, parseJsonStrictly } from './strict-json.js';
export { isTraceparent, type TraceContext } from './tracing.js';
export { submitGiven, waitingJob } from './utils/enter-inbox.js';
export * from './utils/index.js';
export { localOutcome } from './utils/local-outcome.js';
export { readingFrom } from './utils/reading.js';
export { askServer, type RetryOptions, ServerError, type ServerRequest } from './utils/server.js';
export { silence } from './utils/silence.js';
export { submitOperation } from './utils/submit.js';
export { exactJson, visible, visibleJson, visibleLines } from './visible.js';
