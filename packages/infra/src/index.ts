export * from './bus-layout.js';
export { type BusMarker, findBusRoot, initBusRoot, mendBusMarker, readBusMarker } from './bus-root.js';
export {
  type DeclaredTable,
  defaultTableMode,
  type TableMode,
  tableModeNames,
} from './config/canon-table.js';
export { commentedDefaults } from './config/commented-defaults.js';
export { withoutComments, withValue } from './config/comments.js';
export {
  configFileName,
  type FindConfigOptions,
  type FoundConfig,
  findBusConfig,
  parseBusConfig,
} from './config/config.js';
export type { ExportFileOptions, ExportJob } from './config/exports.js';
export {
  type CommandTarget,
  type NotifyEvent,
  type NotifyHook,
  notifyEvents,
  variablePattern,
  type WebhookTarget,
  webhookProblem,
} from './config/notify.js';
export { type BusConfig, type Chart, type ConfigFile, type ConfiguredView, configSchema } from './config/schema.js';
export {
  type DuckDbFault,
  duckDbFault,
  machineFaultIn,
  movedFrom,
  movedPattern,
  type OpenFault,
  openFault,
} from './duckdb-fault.js';
export * from './errors.js';
export * from './files/index.js';
export { artifactKeySchema, idSchema } from './id-schemas.js';
export { type ArtifactKeyParts, artifactKey, isId, maxIdLength, producerInJobId } from './ids.js';
export { jsonSchemaFiles } from './json-schemas.js';
export * from './logger.js';
export * from './manifest.js';
export { foldName, nullType, type ParquetColumn } from './parquet/columns.js';
export * from './parquet/footer.js';
export type { ColumnFault, SchemaMeaning } from './parquet/meaning.js';
export { meaningRules } from './parquet/meaning-rules.js';
export * from './parquet/small-writer.js';
export { processIds } from './process-ids.js';
export * from './receipt.js';
export { canonTableOf, schemaHintProblem } from './schema-hint.js';
export { parseState, readState, replaceFile, stateText, writeState, writeStateDurable } from './state-file.js';
export { isTraceparent, type TraceContext } from './tracing.js';
export * from './utils/index.js';
export { submitOperation } from './utils/submit.js';
export { visible, visibleJson, visibleLines } from './visible.js';
