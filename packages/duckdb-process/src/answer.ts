import { writeAnswer } from '@quantbot/storage/sandbox';
import type { AnswerTask, CopyResult } from './protocol.js';
import { nextSpillFolder } from './spill.js';
import { withTimeLimit } from './time-limit.js';

/**
 * Writes the answer to an untrusted SELECT as Parquet.
 *
 * @throws StorageError as `writeAnswer`; DaemonError `QUERY_TIMEOUT`.
 */
export const answerToFile = (
  { sql, timeoutMs, maxSpillMb, task: _, ...options }: AnswerTask,
  cancelled: AbortSignal,
): Promise<CopyResult> =>
  withTimeLimit(timeoutMs, cancelled, signal =>
    writeAnswer(sql, { ...options, spill: { folder: nextSpillFolder(), maxMb: maxSpillMb }, signal }),
  );
