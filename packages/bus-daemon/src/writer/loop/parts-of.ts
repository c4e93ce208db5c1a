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
    const isAlone = isForget(job) || tableOperationIn(job) !== undefined;
    text += journalTextOf(job);
    const isFull = text > maxJournalText && parts.at(-1)?.length !== 0;
    if (isAlone && parts.at(-1)?.length === 0) parts.pop();
    if (isAlone) parts.push([job], []);
    else if (isFull) parts.push([job]);
    else parts.at(-1)?.push(job);
    if (isAlone || isFull) text = isAlone ? 0 : journalTextOf(job);
  }
  return parts.length > 1 && parts.at(-1)?.length === 0 ? parts.slice(0, -1) : parts;
}
