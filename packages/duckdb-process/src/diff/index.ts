/** `@quantbot/duckdb-process/diff`: what differs between two artifacts, or between two tables. */
export {
  type ArtifactDiff,
  type Changes,
  type DiffOptions,
  diffArtifacts,
  type SchemaDiff,
  type Side,
} from './artifacts.js';
export { describeDiff, rowLines } from './describe.js';
export {
  areEqual,
  type ChangedRow,
  type ComparedColumn,
  compareRows,
  type DifferingRows,
  type RowDifference,
  type RowOptions,
} from './rows.js';
