import { lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { faultPoint, fileNames, type Receipt, receiptSchema, systemErrorCode, writeFileAtomic } from '@quantbot/infra';
import pMap from 'p-map';
import type { Bus } from '../bus.js';
import type { CommittedJob } from './job.js';
import { isRejection, receiptOf, rejectReasonOf } from './outcome.js';

/**
 * In: committed jobs. Out: nothing; their folders are in `processed/` or `rejected/`, with receipt or reason.
 * Durable effect: a rename per job, not flushed: both files are caches of the journal, and recovery makes again what a crash or a power
 * cut took. Safe to run again from any point.
 */
export async function settle(bus: Bus, committed: readonly CommittedJob[]): Promise<void> {
  faultPoint('settle:before');
  await pMap(committed, job => (isRejection(job.rows) ? settleRejected(bus, job) : settleIngested(bus, job)), {
    concurrency: 8,
  });
  faultPoint('settle:after');
}

async function settleIngested(bus: Bus, job: CommittedJob): Promise<void> {
  const receipt = receiptOf(bus.layout, job.rows);
  const target = join(bus.layout.processed, job.jobId);
  const earlier = await readReceipt(join(target, fileNames.receipt));
  if (earlier !== undefined && sameContent(earlier, receipt)) {
    // A retry with identical bytes: the receipt that is there has been the answer all along, and stays.
    await rm(job.folder, { recursive: true, force: true });
    return;
  }
  await writeFileAtomic(join(job.folder, fileNames.receipt), `${JSON.stringify(receipt, null, 2)}\n`);
  faultPoint('settle:receipt-written');
  for (const name of await readdir(job.folder))
    if (name !== fileNames.manifest && name !== fileNames.receipt)
      await rm(join(job.folder, name), { recursive: true, force: true });
  await moveInto(job.folder, target, String(earlier?.seq ?? 'damaged'));
}

async function settleRejected(bus: Bus, job: CommittedJob): Promise<void> {
  const reason = `${JSON.stringify(rejectReasonOf(job.rows), null, 2)}\n`;
  const target = join(bus.layout.rejected, job.jobId);
  const folder = await folderForReason(bus, job);
  await writeFileAtomic(join(folder, fileNames.rejectReason), reason);
  faultPoint('settle:reason-written');
  await moveInto(folder, target, await earlierSeq(join(target, fileNames.rejectReason)));
}

/**
 * Where the reason is written: in the job's own folder if that is safe. A job that is a link, no folder, or has something of the
 * reason's name in it goes whole into a new folder, as `job`.
 */
async function folderForReason(bus: Bus, job: CommittedJob): Promise<string> {
  const nested = join(bus.layout.building, `rejected-${job.claim}`);
  const isFolder = (await lstat(job.folder).catch(ignoreMissing))?.isDirectory() ?? false;
  const taken = isFolder && (await lstat(join(job.folder, fileNames.rejectReason)).catch(ignoreMissing));
  if (isFolder && (taken === undefined || (taken !== false && taken.isFile()))) return job.folder;
  await mkdir(nested, { recursive: true });
  await rename(job.folder, join(nested, 'job'));
  // Back under the claim, so that a crash from here on finds it where it looks.
  await rename(nested, job.folder);
  return job.folder;
}

/** Renames the folder into its place; an older outcome of the same job id is kept beside it, under its seq. */
async function moveInto(folder: string, target: string, earlier: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await rename(folder, target);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(systemErrorCode(error) ?? '') || attempt > 1000) throw error;
      await archive(target, attempt === 0 ? earlier : `${earlier}-${attempt}`);
    }
  }
}

async function archive(target: string, suffix: string): Promise<void> {
  try {
    await rename(target, `${target}~${suffix}`);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}

/** The receipt at a path; undefined when there is none, or a torn one. */
export async function readReceipt(path: string): Promise<Receipt | undefined> {
  try {
    return receiptSchema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch (error) {
    if (error instanceof SyntaxError || ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

async function earlierSeq(path: string): Promise<string> {
  try {
    return String((JSON.parse(await readFile(path, 'utf8')) as { seq?: number }).seq ?? 'damaged');
  } catch {
    return 'damaged'; // only the name of an archive hangs on it
  }
}

const sameContent = (a: Receipt, b: Receipt): boolean => contentOf(a) === contentOf(b);
const contentOf = (receipt: Receipt): string =>
  JSON.stringify(receipt.artifacts.map(({ key, sha256 }) => [key, sha256]));

function ignoreMissing(error: unknown): undefined {
  if (systemErrorCode(error) !== 'ENOENT') throw error;
}
