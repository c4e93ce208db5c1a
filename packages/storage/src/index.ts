export {
  type ArtifactFilter,
  type Catalog,
  type CatalogOptions,
  type LatestFilter,
  openCatalog,
} from './catalog/open-catalog.js';
export type { ArtifactRecord, JobRecord, RunRecord } from './catalog/records.js';
export { type StorageCode, StorageError, storageCodes } from './errors.js';
export { type DuckDb, type OpenOptions, openDuckDb, type Parameter } from './open-duckdb.js';
export { readParquet, readParquetColumns } from './parquet/read-parquet.js';
export { type ScanOptions, scanParquet } from './parquet/scan-parquet.js';
export type { OrderBy, ReadOptions } from './parquet/source.js';
export { type ColumnInput, type WriteOptions, type WriteSchema, writeParquet } from './parquet/write-parquet.js';
export type { Columns, Row } from './rows.js';
export type { Interval, Value, ValueOptions } from './values/from-duckdb.js';
