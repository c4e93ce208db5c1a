import { daemonError } from '@quantbot/bus-format';
import { streamSelect } from '@quantbot/storage/sandbox';
import type { SelectAnswer, SelectTask } from './protocol.js';
import { nextSpillFolder } from './spill.js';

/**
 * Runs an untrusted SELECT until it has returned enough rows or bytes.
 *
 * @throws StorageError as `streamSelect`; DaemonError `QUERY_TIMEOUT`.
 */
export async function selectFirst(task: SelectTask): Promise<SelectAnswer> {
  const { sql, database, memoryMb, maxSpillMb, maxRows, maxBytes, timeoutMs } = task;
  const signal = AbortSignal.timeout(timeoutMs);
  const answer: SelectAnswer = { columns: [], rows: [], isCut: false };
  let bytes = 0;
  try {
    const spill = { folder: nextSpillFolder(), maxMb: maxSpillMb };
    for await (const { columns, rows } of streamSelect(sql, {
      database,
      memoryMb,
      spill,
      values: 'json',
      signal,
    })) {
      answer.columns = columns;
      for (const row of rows) {
        bytes += Buffer.byteLength(JSON.stringify(row));
        if (answer.rows.length >= maxRows || bytes > maxBytes) return { ...answer, isCut: true };
        answer.rows.push(row);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw daemonError('QUERY_TIMEOUT', `The query did not finish within ${timeoutMs / 1000} s.`, { cause: error });
  }
  return answer;
}
