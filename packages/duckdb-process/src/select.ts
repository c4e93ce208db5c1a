import { streamSelect } from '@quantbot/storage/sandbox';
import type { SelectAnswer, SelectTask } from './protocol.js';
import { nextSpillFolder } from './spill.js';
import { withTimeLimit } from './time-limit.js';

/**
 * Runs an untrusted SELECT until it has returned enough rows or bytes.
 *
 * @throws StorageError as `streamSelect` and `mustKeepValues`; DaemonError `QUERY_TIMEOUT`.
 */
export async function selectFirst(task: SelectTask, cancelled: AbortSignal): Promise<SelectAnswer> {
  const { sql, database, asOf, file, s3, memoryMb, maxSpillMb, maxRows, maxBytes, timeoutMs } = task;
  const answer: SelectAnswer = { columns: [], rows: [], isCut: false };
  const spill = { folder: nextSpillFolder(), maxMb: maxSpillMb };
  let bytes = 0;
  return withTimeLimit(timeoutMs, cancelled, async signal => {
    if (file !== undefined) await (await import('./shown-file.js')).mustKeepValues(file, { s3, signal });
    const options = { database, memoryMb, spill, values: 'json' as const, signal, ...(asOf !== undefined && { asOf }) };
    for await (const { columns, rows } of streamSelect(sql, options)) {
      answer.columns = columns;
      for (const row of rows) {
        bytes += Buffer.byteLength(JSON.stringify(row));
        if (answer.rows.length >= maxRows || bytes > maxBytes) return { ...answer, isCut: true };
        answer.rows.push(row);
      }
    }
    return answer;
  });
}
