/** `@quantbot/bus-cluster`: the bus on PostgreSQL, an object store and DuckLake. */
export * from './exports.js';
export * from './fragments.js';
export { entryOf } from './inbox.js';
export * from './journal.js';
export { dropLake } from './lake/drop-lake.js';
export { isLakeWhole, maintainLake } from './lake/maintenance.js';
export { LakePublisher, type PublisherOptions } from './lake/publisher.js';
export { lakeColumns, unsupportedColumns } from './lake/tables.js';
export { migrate, mustBeCurrent } from './migrate.js';
export { hostOf, Postgres, type Queries } from './postgres/postgres.js';
export { addTotals, type ClusterTotals, noTotals } from './totals.js';
export * from './work.js';
