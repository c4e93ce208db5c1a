import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pagesOf, type Queries, rowsOf } from '@quantbot/bus-cluster';
import { concurrently } from '@quantbot/bus-format';
import {
  groupByClaim,
  type JournalRow,
  maxOutcomeBytes,
  receiptOf,
  rejectReasonOf,
  textOf,
} from '@quantbot/bus-format/journal';
import { exactJson, isId } from '@quantbot/infra';
import {
  type BusLayout,
  maxManifestBytes,
  type ObjectManifest,
  objectKeys,
  parseObjectManifest,
} from '@quantbot/infra/bus';
import { fileNames, ownFolderMode, writeFileAtomic } from '@quantbot/infra/files';
import type { Objects } from '@quantbot/infra/objects';

const jobsAtOnce = 16;

/** Writes the receipts, and the reasons of rejected jobs with the files for a retry. */
export async function copyOutcomes(
  queries: Queries,
  objects: Objects,
  layout: BusLayout,
): Promise<{ receipts: number; rejected: number }> {
  const receipts = await eachOutcome(queries, objects, 'receipts/', async (jobId, rows) => {
    const folder = await folderFor(layout.processed, jobId);
    writeFileAtomic(join(folder, fileNames.receipt), textOf(receiptOf(layout, rows)));
  });
  const rejected = await eachOutcome(queries, objects, 'rejected/', async (jobId, rows) => {
    const folder = await folderFor(layout.rejected, jobId);
    await bringFiles(objects, jobId, folder);
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
    const ids = new Map(found.flatMap(outcome => (outcome === undefined ? [] : [outcome])));
    const jobs = [...groupByClaim(await rowsOf(queries, [...ids.keys()])).values()];
    await concurrently(
      jobs,
      async rows => {
        const [{ seq, job_id: jobId }] = rows as [JournalRow];
        if (ids.get(seq) !== jobId) return;
        await write(jobId, rows);
        written++;
      },
      jobsAtOnce,
    );
  }
  return written;
}

/** Returns the job of a receipt or reason; undefined for other objects. */
async function outcomeAt(objects: Objects, prefix: string, key: string): Promise<[number, string] | undefined> {
  const [, jobId = ''] = /^[a-z]+\/([^/]+?)(?<!\.manifest)\.json$/.exec(key) ?? [];
  if (!key.startsWith(prefix) || !isId(jobId)) return undefined;
  const text = (await objects.read(key, maxOutcomeBytes))?.toString('utf8') ?? '{}';
  const { seq } = JSON.parse(text) as { seq?: number };
  return seq === undefined ? undefined : [seq, jobId];
}

/** Copies manifest and files of a rejected job, if they still exist. */
async function bringFiles(objects: Objects, jobId: string, folder: string): Promise<void> {
  const bytes = await objects.read(objectKeys.rejectedManifest(jobId), maxManifestBytes);
  const manifest = bytes === undefined ? undefined : parsed(bytes);
  if (manifest === undefined) return;
  const artifacts = [];
  for (const [index, { object, ...artifact }] of manifest.artifacts.entries()) {
    const relpath = `${index}.parquet`;
    if ((await objects.download(object, join(folder, relpath))) === undefined) return;
    artifacts.push({ ...artifact, relpath });
  }
  writeFileAtomic(join(folder, fileNames.manifest), exactJson({ ...manifest, artifacts }));
}

function parsed(bytes: Buffer): ObjectManifest | undefined {
  try {
    return parseObjectManifest(bytes);
  } catch {
    return undefined; // the job was rejected for this
  }
}
