export type { Lineage, LineageEdge, LineageOptions } from './catalog/lineage.js';
export {
  type AliasRecord,
  type Catalog,
  type CatalogOptions,
  type ListFilters,
  openCatalog,
} from './catalog/open-catalog.js';
export type { ArtifactFilter, JobFilter, LatestFilter, RunFilter } from './catalog/queries.js';
export type { ArtifactRecord, JobRecord, RunRecord } from './catalog/records.js';
export type { WatchOptions } from './catalog/watch.js';
export type { Param, Params } from './duckdb/bind.js';
export { type StorageCode, StorageError, storageCodes } from './errors.js';
export { type DuckDb, type OpenOptions, openDuckDb, type QueryOptions } from './open-duckdb.js';
export type { ParquetSource } from './parquet/find-files.js';
export type { OrderBy, ReadOptions } from './parquet/read-options.js';
export { readParquet, readParquetColumns } from './parquet/read-parquet.js';
export type { RowSchema, TypedReadOptions } from './parquet/row-schema.js';
export { type ScanOptions, scanParquet, scanParquetColumns } from './parquet/scan-parquet.js';
export type { Schema } from './parquet/schema.js';
export type { ColumnSource, RowSource } from './parquet/sources.js';
export { type WriteOptions, type WrittenFile, writeParquet } from './parquet/write-parquet.js';
export { type Published, type PublishOptions, publishTables, type TableToPublish } from './publish/publish-tables.js';
export type {
  Columns,
  IntervalValue,
  NumericArray,
  Row,
  TypedColumns,
  TypeMapping,
  Value,
} from './types/mapping.js';
