/** `@quantbot/bus-care/diff`: what differs between two artifacts, or the rows of two tables. */
export { type ArtifactDiff, type Changes, diffArtifacts, type SchemaDiff } from './artifacts.js';
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
