/** `@quantbot/duckdb-process`: DuckDB in a process that may die. */
export { BulkWriter } from './bulk-writer.js';
export { TaskError, WorkerProcess } from './client.js';
export { hashOfRows } from './content.js';
export { copyOptions } from './copy.js';
export type { ExactAnswer, FileToDecode, RefusedValues } from './decode-task.js';
export {
  type DecodeFinding,
  decodeAlone,
  decodeBudget,
  decodeFile,
  decodeTogether,
  type FilesToDecode,
  footerBudget,
  inFreshProcess,
  isSpoilt,
  type SlowFile,
} from './decoder.js';
export { withLocalSides } from './local-sides.js';
export { exportMemoryMb, queryMemoryMb, queryProcessMb, usualMemoryMb, writingMemoryMb } from './memory.js';
export type {
  AnswerTask,
  CatalogAnswer,
  CatalogQuestion,
  CopyTask,
  SelectAnswer,
  SelectToWrite,
  SourceFile,
} from './protocol.js';
export type { ValueFindings } from './quality.js';
export type { RowsQuestion } from './rows-question.js';
export { hurtAmong, mustBeSound } from './sources.js';
export { openTrialDatabase } from './trial-database.js';
