/**
 * `@quantbot/infra/bus`: what the packages of the bus share and producers do not need: the folders
 * and the marker of a bus, its protocol with servers and object stores, and the registry of error
 * codes.
 */
export { type Backoff, waitAfter } from './backoff.js';
export * from './bus-layout.js';
export {
  type BusMarker,
  findBusRoot,
  isDamagedMarker,
  isMarkerCopySound,
  markerIn,
  mendBusMarker,
  newMarkerText,
  readBusMarker,
  recordLayout,
  restoreBusMarker,
} from './bus-root.js';
export { busError, registerCodes, registeredCodes, systemErrorCode } from './errors.js';
export { busLimitsSchema, diskFull, freeBytes, limitsFileOf, mustHaveRoom, writeBusLimits } from './free-space.js';
export { producerInJobId } from './ids.js';
export { jsonSchemaFiles } from './json-schemas.js';
export {
  manifestArtifactKey,
  maxManifestBytes,
  maxManifestDepth,
  type ObjectArtifact,
  type ObjectManifest,
  parseObjectManifest,
} from './manifest.js';
export { isHttpRoot } from './object-root.js';
export { isForOperators, maxOperationKeys } from './operation.js';
export { foldName, nameProblem, nullType } from './parquet/columns.js';
export { footerBytesOf, maxFooterBytes, readFooterIn, readFooterOf } from './parquet/footer.js';
export { type ColumnFault, keptIntegers, type SchemaMeaning } from './parquet/meaning.js';
export { meaningRules } from './parquet/meaning-rules.js';
export { processIds } from './process-ids.js';
export { canonTableOf, schemaHintProblem, schemaHintWarning } from './schema-hint.js';
export { startCommand } from './start-command.js';
export { JsonError, parseJsonStrictly } from './strict-json.js';
export { isTraceparent, type TraceContext } from './tracing.js';
export { readingFrom } from './utils/reading.js';
export { folderInbox, objectInbox, type ServedInbox } from './utils/served-inbox.js';
export { askServer, type RetryOptions, ServerError, type ServerRequest } from './utils/server.js';
export { silence } from './utils/silence.js';
export { submitOperation } from './utils/submit.js';
export { visible, visibleJson, visibleLines } from './visible.js';
