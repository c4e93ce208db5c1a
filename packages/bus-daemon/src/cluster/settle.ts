import { rm } from 'node:fs/promises';
import { noteSettled, releaseJobs, rowsOf, unsettled } from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import {
  groupByClaim,
  isRejection,
  type JournalRow,
  receiptOf,
  rejectReasonOf,
  textOf,
} from '@quantbot/bus-format/journal';
import { objectKeys } from '@quantbot/infra';
import type { Cluster } from './cluster.js';
import type { Committed } from './commit.js';

/**
 * In: jobs that readers can see. Durable effect: receipts and reasons; then the entries of the
 * inbox go. It can be repeated at any time from the journal.
 */
export async function settle(cluster: Cluster, jobs: readonly Committed[]): Promise<void> {
  await concurrently(jobs, ({ job, rows }) => putOutcome(cluster, rows, job.manifestBytes), 16);
  await cluster.objects.remove(jobs.map(({ job }) => job.inboxKey));
  await noteSettled(
    cluster.postgres,
    jobs.flatMap(({ rows }) => rows[0]?.seq ?? []),
  );
  await releaseJobs(
    cluster.postgres,
    cluster.member.daemon,
    jobs.map(({ job }) => job.jobId),
  );
  for (const { job } of jobs) await rm(job.folder, { recursive: true, force: true });
}

/** Settles jobs whose daemon did not get to it. */
export async function settleLeftBehind(cluster: Cluster, publishedSeq: number, olderThanS: number): Promise<number> {
  const left = await unsettled(cluster.postgres, publishedSeq, { olderThanS });
  if (left.length === 0) return 0;
  const retryOf = new Map(left.map(job => [job.seq, job.retryOf]));
  const seqs = [...retryOf.keys()];
  const byClaim = groupByClaim(await rowsOf(cluster.postgres, seqs));
  await concurrently([...byClaim.values()], async rows => {
    const { seq, job_id, manifest_sha256 } = rows[0] as JournalRow;
    const key = objectKeys.inbox(job_id, manifest_sha256 ?? '', retryOf.get(seq));
    await putOutcome(cluster, rows, await cluster.objects.read(key, 1024 * 1024));
    await cluster.objects.remove([key]);
  });
  await noteSettled(cluster.postgres, seqs);
  return seqs.length;
}

async function putOutcome(
  { objects }: Cluster,
  rows: readonly JournalRow[],
  manifest: Buffer | undefined,
): Promise<void> {
  const { job_id: jobId } = rows[0] as JournalRow;
  if (!isRejection(rows))
    return objects.replace(objectKeys.receipt(jobId), Buffer.from(textOf(receiptOf(rootOf(objects), rows))));
  // For a retry: the entry of the inbox goes.
  if (manifest !== undefined) await objects.replace(objectKeys.rejectedManifest(jobId), manifest);
  await objects.replace(objectKeys.rejected(jobId), Buffer.from(textOf(rejectReasonOf(rows))));
}

/** The root under which a receipt names stored files. */
const rootOf = (objects: Cluster['objects']): { root: string } => ({
  root: objects.locationOf('store').slice(0, -'/store'.length),
});
