import { hash } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { concurrently, ignoreMissing, isMachineFault, leftoversIn, unlessUnreadable } from '@quantbot/bus-format';
import {
  asItCame,
  isRejection,
  maxOutcomeBytes,
  receiptOf,
  rejectReasonOf,
  textOf,
} from '@quantbot/bus-format/journal';
import { besideClaimed } from '@quantbot/bus-format/state';
import { BusError, type Receipt, receiptSchema } from '@quantbot/infra';
import { maxManifestBytes } from '@quantbot/infra/bus';
import {
  faultPoint,
  fileNames,
  inFolder,
  ownFolderMode,
  readLoneFile,
  removeTemporaries,
  systemErrorCode,
  writeFileAtomic,
  writeNewFile,
} from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import type { CameOrder } from '../file-thread/orders.js';
import type { CommittedJob } from '../job.js';

/**
 * In: committed jobs. Out: nothing; their folders are in `processed/` or `rejected/`, with receipt
 * or reason. Durable effect: a rename per job, not flushed. Both files are caches of the journal,
 * and recovery rewrites what a crash or power cut took. Safe to run again from any point.
 */
export async function settle(bus: Bus, committed: readonly CommittedJob[]): Promise<void> {
  faultPoint('settle:before');
  const usual = committed.filter(job => job.leftovers !== undefined && !isRejection(job.rows));
  const settled = await settleUsual(bus, usual);
  const rest = committed.filter(job => !settled.has(job));
  await concurrently(byId(rest), async jobs => {
    for (const job of jobs) await settleClosely(bus, job);
  });
  faultPoint('settle:after');
}

/** Groups jobs by id, in the order of their commits. */
function byId(jobs: readonly CommittedJob[]): CommittedJob[][] {
  const groups = new Map<string, CommittedJob[]>();
  for (const job of [...jobs].sort((a, b) => seqOf(a) - seqOf(b))) {
    const group = groups.get(job.jobId);
    if (group === undefined) groups.set(job.jobId, [job]);
    else group.push(job);
  }
  return [...groups.values()];
}

const seqOf = ({ rows }: CommittedJob): number => rows[0]?.seq ?? 0;

/**
 * A folder with an error does not block others: its job gets its outcome in a new folder, and the
 * old one stays beside the jobs in work.
 */
async function settleClosely(bus: Bus, job: CommittedJob): Promise<void> {
  const rejected = isRejection(job.rows);
  try {
    await (rejected ? settleRejected(bus, job) : settleIngested(bus, job));
  } catch (error) {
    const isOfFiles = error instanceof BusError || systemErrorCode(error) !== undefined;
    if (!isOfFiles || isMachineFault(error)) throw error;
    await (rejected ? settleRejectedElsewhere(bus, job) : settleIngestedElsewhere(bus, job));
    bus.logger.error(
      { job: job.jobId, folder: besideClaimed(job.folder, rejected ? 'kept' : 'left'), err: error },
      'the folder of a job could not be moved or emptied; the job is settled, and its old folder stays in claimed',
    );
  }
}

/** Settles ordinary jobs in one go, and returns those that it could. */
async function settleUsual(bus: Bus, jobs: readonly CommittedJob[]): Promise<Set<CommittedJob>> {
  if (jobs.length === 0) return new Set();
  const orders = jobs.map(job => ({
    folder: job.own ? job.folder : besideClaimed(job.folder, 'own'),
    target: inFolder(bus.layout.processed, job.jobId),
    receipt: textOf(receiptOf(bus.layout, job.rows, bus.journal.names)),
    names: job.leftovers ?? [],
    came: job.own ? undefined : cameWith(job),
  }));
  const results = await bus.files.request({ task: 'settle', orders });
  for (const [index, job] of jobs.entries())
    if (results[index] === 'left') bus.leftBehind.push(besideClaimed(job.folder, 'left'));
  return new Set(jobs.filter((_job, index) => results[index] !== 'no'));
}

/** Leave deeper files to the removal of trees: a folder on the path may be a link by now. */
const cameWith = ({ folder, named = [] }: CommittedJob): CameOrder => ({
  folder,
  names: [fileNames.manifest, fileNames.commit, ...named.filter(name => !name.includes('/'))],
  left: besideClaimed(folder, 'left'),
});

async function settleIngested(bus: Bus, job: CommittedJob): Promise<void> {
  const receipt = receiptOf(bus.layout, job.rows, bus.journal.names);
  const target = join(bus.layout.processed, job.jobId);
  const leftovers = job.own ? leftoversIn(job.folder) : undefined;
  if (leftovers === undefined) return settleIngestedElsewhere(bus, job);
  writeReceipt(join(job.folder, fileNames.receipt), textOf(receipt));
  faultPoint('settle:receipt-written');
  for (const path of leftovers) await rm(path, { force: true });
  await moveSettled(job.folder, target, receipt);
}

/**
 * If emptying a job's folder would take long, or another user may change it, a new folder takes its
 * place in `processed/`, and the old one is removed later.
 */
async function settleIngestedElsewhere(bus: Bus, job: CommittedJob): Promise<void> {
  const receipt = receiptOf(bus.layout, job.rows, bus.journal.names);
  const folder = await newFolder(bus, job);
  const manifest = manifestOf(job);
  if (manifest !== undefined) writeNewFile(join(folder, fileNames.manifest), manifest);
  writeNewFile(join(folder, fileNames.receipt), textOf(receipt));
  await moveSettled(folder, join(bus.layout.processed, job.jobId), receipt);
  await rm(besideClaimed(job.folder, 'own'), { recursive: true, force: true });
  const left = besideClaimed(job.folder, 'left');
  await rename(job.folder, left).catch(ignoreMissing);
  bus.leftBehind.push(left);
}

/** Returns the committed manifest, or undefined if it is unreadable or was changed since. */
function manifestOf({ folder, own, rows }: CommittedJob): Buffer | undefined {
  const read = (place: string) =>
    unlessUnreadable(() => readLoneFile(join(place, fileNames.manifest), maxManifestBytes));
  if (own) return read(folder);
  const brought = read(besideClaimed(folder, 'own'));
  if (brought !== undefined) return brought;
  const came = read(folder);
  return came !== undefined && hash('sha256', came) === rows[0]?.manifest_sha256 ? came : undefined;
}

/** Creates a hidden folder for the outcome of a job. */
async function newFolder(bus: Bus, { claim }: CommittedJob): Promise<string> {
  const folder = join(bus.layout.building, `settled-${claim}`);
  await rm(folder, { recursive: true, force: true }); // from a failed attempt
  await mkdir(folder, ownFolderMode);
  return folder;
}

async function moveSettled(folder: string, target: string, receipt: Receipt): Promise<void> {
  if (tryMove(folder, target)) return;
  const earlier = readReceipt(join(target, fileNames.receipt));
  // After a retry with identical bytes, the existing receipt stays: it was the answer all along.
  const isAnswered = earlier !== undefined && sameContent(earlier, receipt);
  const wasSettled = readReceipt(join(archiveOf(target, receipt.seq), fileNames.receipt))?.seq === receipt.seq;
  if (isAnswered || wasSettled) await rm(folder, { recursive: true, force: true });
  else await moveInto(folder, target, { seq: receipt.seq, earlier: earlier?.seq });
}

/**
 * No one reads a receipt here before the folder is renamed. Only a receipt from a crash or from the
 * producer is replaced as a whole.
 */
function writeReceipt(path: string, content: string): void {
  try {
    writeFileSync(path, content, { flag: 'wx' });
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
    writeFileAtomic(path, content);
  }
}

async function settleRejected(bus: Bus, job: CommittedJob): Promise<void> {
  const target = join(bus.layout.rejected, job.jobId);
  const reason = textOf(rejectReasonOf(job.rows));
  const seq = seqOf(job);
  const earlier = earlierSeq(join(target, fileNames.rejectReason));
  await rm(besideClaimed(job.folder, 'own'), { recursive: true, force: true });
  if (job.sealed && (await canHoldReason(job.folder))) {
    await removeTemporaries(job.folder, fileNames.rejectReason);
    writeFileAtomic(join(job.folder, fileNames.rejectReason), reason);
    faultPoint('settle:reason-written');
    return moveInto(job.folder, target, { seq, earlier });
  }
  // Move a job whole into a new folder, as `job`, if it is a link, not a folder, another user's, or
  // contains the reason's name.
  const isOlder = earlier !== undefined && earlier > seq;
  const place = isOlder ? archiveOf(target, seq) : target;
  if (!isOlder && earlier !== seq && (await lstat(target).catch(ignoreMissing)) !== undefined)
    await archive(target, String(earlier ?? 'damaged'));
  await mkdir(place, { recursive: true, mode: ownFolderMode });
  writeFileAtomic(join(place, fileNames.rejectReason), reason);
  await rename(job.folder, join(place, asItCame));
}

/**
 * Whether the reason can be written into the job's folder without touching the producer's files.
 */
async function canHoldReason(folder: string): Promise<boolean> {
  if (!(await lstat(folder)).isDirectory()) return false;
  const there = await lstat(join(folder, fileNames.rejectReason)).catch(ignoreMissing);
  return there === undefined || there.isFile();
}

/** Reports a rejected job whose folder cannot be moved. */
async function settleRejectedElsewhere(bus: Bus, job: CommittedJob): Promise<void> {
  const target = join(bus.layout.rejected, job.jobId);
  const seq = seqOf(job);
  const earlier = earlierSeq(join(target, fileNames.rejectReason));
  if (earlier !== seq && earlierSeq(join(archiveOf(target, seq), fileNames.rejectReason)) !== seq) {
    const folder = await newFolder(bus, job);
    writeNewFile(join(folder, fileNames.rejectReason), textOf(rejectReasonOf(job.rows)));
    await moveInto(folder, target, { seq, earlier });
  }
  await rename(job.folder, besideClaimed(job.folder, 'kept')).catch(ignoreMissing);
}

/**
 * Renames the folder into its place. An older outcome of the same job id is kept beside it, under
 * its seq.
 */
async function moveInto(
  folder: string,
  target: string,
  { seq, earlier }: { seq: number; earlier: number | undefined },
): Promise<void> {
  const isOlder = earlier !== undefined && earlier > seq;
  const place = isOlder ? archiveOf(target, seq) : target;
  const there = String(isOlder ? seq : (earlier ?? 'damaged'));
  for (let attempt = 0; !tryMove(folder, place); attempt++) {
    if (attempt > 1000) throw new Error(`${place} cannot be moved out of the way.`);
    await archive(place, attempt === 0 ? there : `${there}-${attempt}`);
  }
}

/** Renames the folder, unless that would replace something; returns whether it did. */
function tryMove(folder: string, target: string): boolean {
  try {
    renameSync(folder, target);
    return true;
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
    return false;
  }
}

/** The place of an older outcome of the same job id. */
const archiveOf = (target: string, suffix: number | string): string => `${target}~${suffix}`;

async function archive(target: string, suffix: string): Promise<void> {
  try {
    await rename(target, archiveOf(target, suffix));
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}

/** Reads the receipt at a path, or returns undefined if it is missing, torn or unreadable. */
const readReceipt = (path: string): Receipt | undefined => receiptSchema.safeParse(readOutcome(path)).data;

/** Reads the JSON of a receipt or reason, or returns undefined. */
const readOutcome = (path: string): unknown =>
  unlessUnreadable(() => JSON.parse(readLoneFile(path, maxOutcomeBytes).toString('utf8')));

/** Returns the seq of the rejection at a path, or undefined if it is missing or damaged. */
function earlierSeq(path: string): number | undefined {
  const { seq } = (readOutcome(path) ?? {}) as { seq?: unknown };
  return typeof seq === 'number' ? seq : undefined;
}

const sameContent = (a: Receipt, b: Receipt): boolean => contentOf(a) === contentOf(b);
const contentOf = (receipt: Receipt): string =>
  JSON.stringify(receipt.artifacts.map(({ key, sha256 }) => [key, sha256]));
