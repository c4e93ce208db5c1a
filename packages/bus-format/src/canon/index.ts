/** `@quantbot/bus-format/canon`: modes, columns, types and files of canonical tables. */

export { backSinceQuery, forgottenQuery } from '../journal/forgotten.js';
export { type HintRange, TableNames } from '../journal/table-names.js';
export {
  isOperationOnTable,
  type JournalledTableOperation,
  namesGivenBy,
  setModes,
  tableOperationOf,
  tableOperationsQuery,
  tableOperationTypes,
} from '../journal/table-operations.js';
export { type Behind, isFaultOfFiles, type OnDamage, tablesBehind, throwDamage, withoutDamage } from './behind.js';
export {
  isDefinitionDamaged,
  keptName,
  noteMode,
  turnedAt,
  turnTaken,
  wasDeclaredOtherwise,
  wasMadeForAnotherMode,
} from './definition.js';
export { keyProblems, reservedColumns } from './evolve.js';
export {
  type ExactQuestion,
  type FileColumn,
  isUnjudged,
  type JudgedValues,
  judgedColumns,
  questionBeforeSet,
  questionsAbout,
} from './exact.js';
export type { ShownTable, TableArtifacts } from './expected-rows.js';
export { type FirstOfSchema, type Retype, tableHistory } from './history.js';
export {
  areWithin,
  artifactsOfTable,
  canonicalRows,
  canonicalSchemas,
  forgottenOfTable,
  forgottenRowsOf,
  hotGenerations,
  newestSeqOf,
  retypesOf,
  type StoredFile,
  storedBetween,
  tablesWithForgotten,
  turnsOfTables,
} from './journalled.js';
export { columnsQuery, type ListedTable, tablesQuery } from './listed-tables.js';
export {
  type Mode,
  modeNamed,
  modes,
  type StreamedRows,
  shownBeside,
  shownInOrder,
  shownRows,
  shownStreamed,
} from './modes.js';
export { type NestedType, parseNested } from './nested-type.js';
export { originColumns, originOrder, positionOfRow } from './origin.js';
export { type ChangedTables, type RegisteredArtifact, TableRegistry } from './registry.js';
export { canBeSet } from './retyped.js';
export { rowsInOneScan, type StoredRows, storedRows } from './stored-rows.js';
export { type CanonColumn, type CanonTable, canonTableOf, newTable, shownName, type TableStart } from './table.js';
export { tableFilesThatAreNone } from './table-files.js';
export { adoptProducer, TableLimits } from './table-limits.js';
export { foundTable, lacksRowsAfter, retypesAmong, tableStarts } from './table-starts.js';
export { canonicalType, fits } from './types.js';
