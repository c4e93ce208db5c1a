import { selectRows } from '@quantbot/storage/sandbox';
import type { RowsTask } from './protocol.js';
import { nextSpillFolder } from './spill.js';
import { withTimeLimit } from './time-limit.js';

/**
 * Runs an untrusted SELECT to its end.
 *
 * @returns the JSON text of its rows.
 * @throws StorageError as `selectRows`; DaemonError `QUERY_TIMEOUT`.
 */
export const allRows = (
  { sql, timeoutMs, maxSpillMb, task: _, ...options }: RowsTask,
  cancelled: AbortSignal,
): Promise<string> =>
  withTimeLimit(timeoutMs, cancelled, signal =>
    selectRows(sql, { ...options, spill: { folder: nextSpillFolder(), maxMb: maxSpillMb }, signal }),
  );
