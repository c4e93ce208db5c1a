/** `@quantbot/infra/config`: the schema of `bus_config.json`, and how it is found and parsed. */
export { isRemoteRoot } from '../object-root.js';
export {
  type DeclaredTable,
  defaultTableMode,
  firstTwice,
  type TableMode,
  tableModeNames,
  tableModes,
} from './canon-table.js';
export type { Chart } from './charts.js';
export { type ClusterConfig, withVariables } from './cluster.js';
export { commentedDefaults } from './commented-defaults.js';
export { withoutComments, withValue } from './comments.js';
export {
  configFileName,
  type FindConfigOptions,
  type FoundConfig,
  findBusConfig,
  parseBusConfig,
} from './config.js';
export { type ExportFileOptions, type ExportJob, isReplaced, ownExportFile, ownExportPath } from './exports.js';
export { isInTheClear, type ListenAddress, parseListen, withoutBrackets } from './listen.js';
export {
  type CommandTarget,
  type NotifyEvent,
  type NotifyHook,
  notifyEvents,
  variablePattern,
  type WebhookTarget,
  webhookProblem,
} from './notify.js';
export type { OpenLineageConfig } from './openlineage.js';
export type { ConfiguredView } from './published-views.js';
export { type ColumnRules, qualityOf, type TableQuality } from './quality.js';
export type { Retention, RetentionRule } from './retention.js';
export { type BusConfig, type ConfigFile, configSchema } from './schema.js';
export type { TlsFiles } from './tls.js';
