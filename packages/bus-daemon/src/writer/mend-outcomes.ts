import { basename, dirname, join } from 'node:path';
import { compareOutcomes, readOutcome } from '@quantbot/bus-care/verify';
import { isRejection, receiptOf, rejectReasonOf, textOf } from '@quantbot/bus-format/journal';
import { removeTemporaries, replaceFile } from '@quantbot/infra/files';
import type { Bus } from './bus.js';

/**
 * Rewrites receipts and reject reasons that differ from the journal.
 *
 * @param whats their paths relative to the bus root.
 * @returns the rewritten ones.
 */
export async function mendOutcomes({ layout, journal }: Bus, whats: readonly string[]): Promise<string[]> {
  const mended: string[] = [];
  for await (const { what, text, problem, rows } of compareOutcomes(layout, journal, whats)) {
    if (problem === undefined) continue;
    await removeTemporaries(join(layout.root, dirname(what)), basename(what));
    // Synchronous from here on, so that no newer outcome of the job comes in between.
    if (readOutcome(layout, what) !== text) continue;
    const outcome = isRejection(rows) ? rejectReasonOf(rows) : receiptOf(layout, rows, journal.names);
    replaceFile(join(layout.root, what), textOf(outcome));
    mended.push(what);
  }
  return mended;
}
