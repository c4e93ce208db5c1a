import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  carriedManifest,
  isManifestOf,
  operatedTables,
  pagesOf,
  type Queries,
  readState,
  rowsOfJobs,
} from '@quantbot/bus-cluster';
import { concurrently, daemonError, unlessUnreadable } from '@quantbot/bus-format';
import {
  groupByClaim,
  isRejection,
  type JournalRow,
  maxOutcomeBytes,
  receiptOf,
  rejectReasonOf,
  textOf,
} from '@quantbot/bus-format/journal';
import { isId } from '@quantbot/infra';
import { type BusLayout, maxManifestBytes, objectKeys, parseObjectManifest } from '@quantbot/infra/bus';
import { fileNames, ownFolderMode, stagedMark, writeFileAtomic } from '@quantbot/infra/files';
import type { Objects } from '@quantbot/infra/objects';
import { toFiles } from './map-rows.js';

const jobsAtOnce = 16;

/** Writes the receipts, and the reasons of rejected jobs with the files for a retry. */
export async function copyOutcomes(
  queries: Queries,
  objects: Objects,
  layout: BusLayout,
): Promise<{ receipts: number; rejected: number }> {
  const { names } = await operatedTables(queries);
  const receipts = await eachOutcome(queries, objects, 'receipts/', async (jobId, rows) => {
    const folder = await folderFor(layout.processed, jobId);
    writeFileAtomic(join(folder, fileNames.receipt), textOf(receiptOf(layout, rows.map(toFiles), names)));
  });
  const rejected = await eachOutcome(queries, objects, 'rejected/', async (jobId, rows) => {
    const folder = await folderFor(layout.rejected, jobId);
    await bringFiles(objects, rows, folder);
    writeFileAtomic(join(folder, fileNames.rejectReason), textOf(rejectReasonOf(rows)));
  });
  return { receipts, rejected };
}

async function folderFor(place: string, jobId: string): Promise<string> {
  const folder = join(place, jobId);
  await rm(folder, { recursive: true, force: true }); // of an earlier run
  await mkdir(folder, { recursive: true, mode: ownFolderMode });
  return folder;
}

/** Calls `write` for each job that has an outcome, with the rows behind it. */
async function eachOutcome(
  queries: Queries,
  objects: Objects,
  prefix: 'receipts/' | 'rejected/',
  write: (jobId: string, rows: JournalRow[]) => Promise<void>,
): Promise<number> {
  let written = 0;
  for await (const page of pagesOf(objects, prefix)) {
    const found = await concurrently(page, async ({ key }) => outcomeAt(objects, prefix, key), jobsAtOnce);
    const seqs = new Map(found.flatMap(outcome => (outcome === undefined ? [] : [outcome])));
    const jobs = new Map<string, JournalRow[]>();
    for (const rows of groupByClaim(await rowsOfJobs(queries, [...seqs.keys()])).values()) {
      const { job_id: jobId } = rows[0] as JournalRow;
      const isFound = jobs.has(jobId) && jobs.get(jobId)?.[0]?.seq === seqs.get(jobId);
      if (!isFound && isRejection(rows) === (prefix === 'rejected/')) jobs.set(jobId, rows);
    }
    await concurrently([...jobs], ([jobId, rows]) => write(jobId, rows), jobsAtOnce);
    written += jobs.size;
  }
  return written;
}

/**
 * Returns the job of a receipt or reason, and the seq in it; undefined for other objects. A damaged
 * one is that of the last job with this id.
 */
async function outcomeAt(
  objects: Objects,
  prefix: string,
  key: string,
): Promise<[string, number | undefined] | undefined> {
  const [, jobId = ''] = /^[a-z]+\/([^/]+?)(?<!\.manifest)\.json$/.exec(key) ?? [];
  if (!key.startsWith(prefix) || !isId(jobId)) return undefined;
  const bytes = await readState(objects, key, maxOutcomeBytes);
  return [jobId, typeof bytes === 'object' ? seqIn(bytes) : undefined];
}

const seqIn = (bytes: Buffer): number | undefined =>
  unlessUnreadable(() => (JSON.parse(bytes.toString('utf8')) as { seq?: number }).seq);

/**
 * Copies manifest and files of a rejected job, if they still exist.
 *
 * @throws DaemonError `FILE_DAMAGED` for a manifest that is not what was submitted.
 */
async function bringFiles(objects: Objects, rows: readonly JournalRow[], folder: string): Promise<void> {
  const [row] = rows as [JournalRow];
  const key = objectKeys.rejectedManifest(row.job_id);
  const bytes = await readState(objects, key, maxManifestBytes);
  if (bytes === undefined) return;
  if (bytes === 'damaged' || !isManifestOf(bytes, row))
    throw daemonError('FILE_DAMAGED', `The object ${key} is not what was submitted.`, {
      hint: `Restore the object, or remove it. Without it, the job is moved, but it cannot be retried.`,
    });
  const manifest = unlessUnreadable(() => parseObjectManifest(bytes));
  if (manifest === undefined) return; // the job was rejected for this
  const artifacts = [];
  for (const [index, { object, ...artifact }] of manifest.artifacts.entries()) {
    const relpath = `${index}.parquet`;
    if ((await objects.download(object, join(folder, relpath))) === undefined) return;
    artifacts.push({ ...artifact, relpath });
  }
  const carried = carriedManifest({ ...manifest, artifacts }, row.manifest_sha256 ?? '');
  writeFileAtomic(join(folder, fileNames.manifest), carried);
  writeFileAtomic(join(folder, fileNames.commit), stagedMark); // a retry needs it
}
