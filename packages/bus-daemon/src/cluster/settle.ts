import { noteSettled, operatedTables, putOutcome, releaseJobs, rowsOf, unsettled } from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import { groupByClaim, type JournalRow } from '@quantbot/bus-format/journal';
import { objectKeys } from '@quantbot/infra/bus';
import type { Cluster } from './cluster.js';
import type { Committed } from './commit.js';
import { removeJobFolder } from './job-folder.js';

/**
 * In: jobs that readers can see. Durable effect: receipts and reasons, then the entries of the
 * inbox are removed. It can be repeated at any time from the journal.
 */
export async function settle(cluster: Cluster, jobs: readonly Committed[]): Promise<void> {
  const { names } = cluster.tables;
  await concurrently(
    jobs,
    ({ job, rows }) => putOutcome(cluster.objects, rows, { manifest: job.manifestBytes, names }),
    16,
  );
  await cluster.objects.remove(jobs.flatMap(({ job, rows }) => [job.inboxKey, ...operatorKeyOf(rows[0])]));
  await noteSettled(
    cluster.postgres,
    jobs.flatMap(({ rows }) => rows[0]?.seq ?? []),
  );
  await releaseJobs(
    cluster.postgres,
    cluster.member.daemon,
    jobs.map(({ job }) => job.jobId),
  );
  await concurrently(jobs, ({ job }) => removeJobFolder(job), 16);
}

/** The object that shows that an operator has asked for an operation. */
const operatorKeyOf = (row: JournalRow | undefined): string[] =>
  row?.op_json == null ? [] : [objectKeys.operator(row.job_id)];

/** Settles jobs of daemons that are gone. */
export async function settleLeftBehind(cluster: Cluster, publishedSeq: number, olderThanS: number): Promise<number> {
  const left = await unsettled(cluster.postgres, publishedSeq, { olderThanS });
  if (left.length === 0) return 0;
  const retryOf = new Map(left.map(job => [job.seq, job.retryOf]));
  const seqs = [...retryOf.keys()];
  const { names } = await operatedTables(cluster.postgres);
  const byClaim = groupByClaim(await rowsOf(cluster.postgres, seqs));
  await concurrently([...byClaim.values()], async rows => {
    const { seq, job_id, manifest_sha256 } = rows[0] as JournalRow;
    const key = objectKeys.inbox(job_id, manifest_sha256 ?? '', retryOf.get(seq));
    const manifest = await cluster.objects.read(key, 1024 * 1024);
    await putOutcome(cluster.objects, rows, { manifest, names });
    await cluster.objects.remove([key, ...operatorKeyOf(rows[0])]);
  });
  await noteSettled(cluster.postgres, seqs);
  return seqs.length;
}
