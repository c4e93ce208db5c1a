import { writeAnswer, writeArrow } from '@quantbot/storage/sandbox';
import type { AnswerTask } from './protocol.js';
import { nextSpillFolder } from './spill.js';
import { withTimeLimit } from './time-limit.js';

/**
 * Writes the answer to an untrusted SELECT as Parquet, or as an Arrow IPC stream.
 *
 * @throws StorageError as `writeAnswer` and `writeArrow`; DaemonError `QUERY_TIMEOUT`.
 */
export const answerToFile = (
  { sql, format, params, timeoutMs, maxSpillMb, task: _, ...given }: AnswerTask,
  cancelled: AbortSignal,
): Promise<null> =>
  withTimeLimit(timeoutMs, cancelled, async signal => {
    const options = { ...given, spill: { folder: nextSpillFolder(), maxMb: maxSpillMb }, signal };
    if (format === 'arrow') await writeArrow(sql, options);
    else await writeAnswer(sql, { ...options, params });
    return null;
  });
