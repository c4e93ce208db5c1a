import { lstatSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type RejectReason, rejectReasonSchema } from '@quantbot/infra';
import { busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists, fileNames, readLoneFile, syncFolder, systemErrorCode } from '@quantbot/infra/files';
import { orClosed } from '../closed-by-others.js';
import { daemonError, unlessUnreadable } from '../errors.js';
import { asItCame, maxOutcomeBytes } from '../journal/outcome.js';
import { removeTree } from '../remove-tree.js';

/** A rejected job in `rejected/`. */
export interface RejectedEntry {
  jobId: string;
  /** Absolute path. */
  folder: string;
  reason: RejectReason | undefined;
}

/**
 * Whether a name in `rejected/` is a current job. `<job_id>~<seq>` is an archived, older outcome of
 * the same id.
 */
export const isCurrentRejection = (name: string): boolean => !name.includes('~') && !name.startsWith('.');

/** Returns the rejected jobs, newest first, without archived ones. */
export async function listRejected(config: BusConfig): Promise<RejectedEntry[]> {
  const { rejected } = busLayout(config.busRoot);
  const names = (await readdir(rejected)).filter(isCurrentRejection);
  const entries = await Promise.all(names.map(name => readEntry(config, name)));
  return entries.sort((a, b) => (b.reason?.seq ?? 0) - (a.reason?.seq ?? 0));
}

/**
 * Returns one rejected job.
 *
 * @throws DaemonError `JOB_NOT_FOUND`.
 */
export async function readRejected(config: BusConfig, jobId: string): Promise<RejectedEntry> {
  const entry = await readEntry(config, jobId);
  if (!(await exists(entry.folder))) throw daemonError('JOB_NOT_FOUND', `There is no rejected job ${jobId}.`);
  return entry;
}

/**
 * If the file system ignores case, the folder may be that of another job whose id differs in case,
 * and the job's own is then beside it, as `<job_id>~<seq>`.
 */
async function readEntry(config: BusConfig, jobId: string): Promise<RejectedEntry> {
  const { rejected } = busLayout(config.busRoot);
  const entry = readEntryIn(join(rejected, jobId), jobId);
  const there = entry.reason?.job_id;
  if (there === undefined || there === jobId || there.toLowerCase() !== jobId.toLowerCase()) return entry;
  const archived = (await readdir(rejected))
    .filter(name => /~\d+$/.test(name) && name.toLowerCase().startsWith(`${jobId.toLowerCase()}~`))
    .map(name => readEntryIn(join(rejected, name), jobId))
    .filter(({ reason }) => reason?.job_id === jobId);
  const newest = archived.sort((a, b) => (b.reason?.seq ?? 0) - (a.reason?.seq ?? 0))[0];
  return newest ?? { jobId, folder: join(rejected, `${jobId}~`), reason: undefined };
}

function readEntryIn(folder: string, jobId: string): RejectedEntry {
  // Treat a file that cannot be read like one that a power cut tore: the daemon rebuilds it from
  // the journal.
  const text = unlessUnreadable(() => readLoneFile(join(folder, fileNames.rejectReason), maxOutcomeBytes));
  return { jobId, folder, reason: rejectReasonSchema.safeParse(safeJson(text?.toString('utf8') ?? '')).data };
}

/**
 * Returns the folder of a rejected job that can be submitted again; undefined if it is missing or
 * empty.
 */
export function submittableIn(folder: string): string | undefined {
  const isThere = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  const whole = join(folder, asItCame);
  if (isThere(whole)) return whole;
  return isThere(join(folder, fileNames.manifest)) ? folder : undefined;
}

/**
 * Moves a rejected job back into the inbox, unchanged. Use it when the cause was outside the job: a
 * limit that has since been raised, a permission, or a table that is now declared.
 *
 * @throws DaemonError `JOB_NOT_FOUND`, `JOB_ID_WAITING`; `CLOSED_BY_OTHERS` if its producer keeps
 * this user away from it.
 */
export async function retryRejected(config: BusConfig, jobId: string): Promise<void> {
  const layout = busLayout(config.busRoot);
  const { folder } = await readEntry(config, jobId);
  const job = submittableIn(folder);
  if (job === undefined) throw gone(jobId);
  if (lstatSync(join(layout.inbox, jobId), { throwIfNoEntry: false }) !== undefined) throw waiting(jobId);
  if (job === folder) await rm(join(folder, fileNames.rejectReason), { force: true });
  await rename(job, join(layout.inbox, jobId)).catch(async error => {
    const code = systemErrorCode(error) ?? '';
    if (code === 'ENOENT' && !(await exists(job))) throw gone(jobId); // gc or another retry took it
    throw ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code)
      ? waiting(jobId)
      : orClosed(error, `The job ${jobId} cannot go back`, job);
  });
  await syncFolder(layout.inbox);
  if (job !== folder) await removeTree(folder);
}

const gone = (jobId: string) =>
  daemonError('JOB_NOT_FOUND', `The files of the rejected job ${jobId} are gone, so it cannot be retried.`);
const waiting = (jobId: string) => daemonError('JOB_ID_WAITING', `A job ${jobId} is already waiting in the inbox.`);

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // torn by a power cut: the daemon rebuilds it from the journal
  }
}
