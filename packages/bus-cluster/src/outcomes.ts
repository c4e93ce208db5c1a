import {
  isRejection,
  type JournalRow,
  receiptOf,
  rejectReasonOf,
  type TableNames,
  textOf,
} from '@quantbot/bus-format/journal';
import { objectKeys } from '@quantbot/infra/bus';
import type { Objects } from '@quantbot/infra/objects';

/**
 * Writes the receipt of a job, or the reason of its rejection.
 *
 * @param rows all rows of the job.
 * @param options.manifest the manifest for a retry of a rejected job; undefined if it cannot be
 * retried.
 * @param options.names those of the canonical tables, at least as of the job.
 */
export async function putOutcome(
  objects: Objects,
  rows: readonly JournalRow[],
  { manifest, names }: { manifest: Buffer | undefined; names: TableNames },
): Promise<void> {
  const { job_id: jobId } = rows[0] as JournalRow;
  if (!isRejection(rows))
    return objects.replace(objectKeys.receipt(jobId), Buffer.from(textOf(receiptOf(rootOf(objects), rows, names))));
  // Write the manifest first: a job with a visible reason can then be retried.
  if (manifest !== undefined) await objects.replace(objectKeys.rejectedManifest(jobId), manifest);
  await objects.replace(objectKeys.rejected(jobId), Buffer.from(textOf(rejectReasonOf(rows))));
}

/** Returns the root under which a receipt names stored files. */
export const rootOf = (objects: Pick<Objects, 'locationOf'>): { root: string } => ({
  root: objects.locationOf('store').slice(0, -'/store'.length),
});
