import type { CheckedJob } from '../job.js';
import { isForget } from '../stages/forget.js';
import { journalTextOf, maxJournalText } from '../stages/journal-text.js';
import { tableOperationIn } from '../stages/table-operation.js';

/**
 * Splits a batch so that each `forget`, and each operation on a table, is a part of its own: the
 * journal alone decides it. No part adds too much text to the journal.
 */
export function partsOf<Job extends CheckedJob>(verified: readonly Job[]): Job[][] {
  const parts: Job[][] = [[]];
  let text = 0;
  for (const job of verified) {
    const last = parts.at(-1) as Job[];
    if (isForget(job) || tableOperationIn(job) !== undefined) {
      if (last.length === 0) parts.pop();
      parts.push([job], []);
      text = 0;
      continue;
    }
    const own = journalTextOf(job);
    if (last.length > 0 && text + own > maxJournalText) {
      parts.push([job]);
      text = own;
    } else {
      last.push(job);
      text += own;
    }
  }
  return parts.length > 1 && parts.at(-1)?.length === 0 ? parts.slice(0, -1) : parts;
}
