import type { CheckedJob } from '../job.js';
import { isForget } from '../stages/forget.js';
import { tableOperationIn } from '../stages/table-operation.js';

/**
 * Splits a batch so that each `forget`, and each operation on a table, is a part of its own. The
 * journal alone decides it.
 */
export function partsOf<Job extends CheckedJob>(verified: readonly Job[]): Job[][] {
  const parts: Job[][] = [[]];
  for (const job of verified) {
    const isAlone = isForget(job) || tableOperationIn(job) !== undefined;
    if (isAlone && parts.at(-1)?.length === 0) parts.pop();
    if (isAlone) parts.push([job], []);
    else parts.at(-1)?.push(job);
  }
  return parts.length > 1 && parts.at(-1)?.length === 0 ? parts.slice(0, -1) : parts;
}
