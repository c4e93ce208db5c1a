import { daemonError } from '@quantbot/bus-format';
import { selectRows } from '@quantbot/storage/sandbox';
import type { RowsTask } from './protocol.js';
import { nextSpillFolder } from './spill.js';

/**
 * Runs an untrusted SELECT to its end.
 *
 * @returns the JSON text of its rows.
 * @throws StorageError as `selectRows`; DaemonError `QUERY_TIMEOUT`.
 */
export async function allRows({ sql, timeoutMs, maxSpillMb, task: _, ...options }: RowsTask): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await selectRows(sql, { ...options, spill: { folder: nextSpillFolder(), maxMb: maxSpillMb }, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw daemonError('QUERY_TIMEOUT', `The query did not finish within ${timeoutMs / 1000} s.`, { cause: error });
  }
}
