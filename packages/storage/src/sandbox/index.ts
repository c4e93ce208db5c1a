/**
 * `@quantbot/storage/sandbox`: runs untrusted SQL safely. For the bus's own packages; programs use
 * `openDuckDb` and `openCatalog`.
 */
export { type ListedTables, openListedTables } from '../catalog/listed-tables.js';
export { distinctNames } from '../duckdb/distinct-names.js';
export { makeOwnFolder, makeSpillFolder, type SpillFolder } from '../duckdb/spill-folder.js';
export { StorageError } from '../errors.js';
export { mustKeepValues } from '../parquet/check-meaning.js';
export { type CopyToFile, copyExactly, toStream } from '../parquet/copy-exactly.js';
export { findNanoseconds } from '../parquet/nanoseconds.js';
export { findNarrowed, type NarrowedColumn } from '../parquet/narrowed.js';
export { type FileColumn, fileColumnOf } from '../types/file-types.js';
export { typesIn, whereAnyPart } from '../types/parts.js';
export { exactType, hasPart, type LeafText, typeText, viewType } from '../types/type-text.js';
export { copySelect } from './copy-select.js';
export { foldersOfCluster, foldersOfDaemon, lockDown, type Reach } from './lock-down.js';
export { assertOneSelect } from './one-select.js';
export type { SandboxOptions } from './open-sandbox.js';
export { type RowsOptions, selectRows } from './select-rows.js';
export { arrowType, streamArrow, writeArrow } from './stream-arrow.js';
export { type SelectBatch, type SelectOptions, streamSelect } from './stream-select.js';
export { tooLongError } from './too-long.js';
export { type AnswerOptions, writeAnswer } from './write-answer.js';
