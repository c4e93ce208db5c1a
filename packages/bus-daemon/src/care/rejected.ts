import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BusConfig,
  busLayout,
  exists,
  fileNames,
  type RejectReason,
  rejectReasonSchema,
  syncFolder,
  systemErrorCode,
} from '@quantbot/infra';
import { daemonError } from '../errors.js';

/** A rejected job as it lies in `rejected/`. */
export interface RejectedEntry {
  jobId: string;
  /** Absolute path. */
  folder: string;
  reason: RejectReason | undefined;
}

/** Whether a name in `rejected/` is that of a job; `<job_id>~<seq>` is an archived one, the older outcome of an id. */
export const isCurrentRejection = (name: string): boolean => !name.includes('~') && !name.startsWith('.');

/** The rejected jobs, newest first, without archived ones. */
export async function listRejected(config: BusConfig): Promise<RejectedEntry[]> {
  const { rejected } = busLayout(config.busRoot);
  const names = (await readdir(rejected)).filter(isCurrentRejection);
  const entries = await Promise.all(names.map(name => readEntry(config, name)));
  return entries.sort((a, b) => (b.reason?.seq ?? 0) - (a.reason?.seq ?? 0));
}

/**
 * One rejected job.
 *
 * @throws DaemonError `JOB_NOT_FOUND`.
 */
export async function readRejected(config: BusConfig, jobId: string): Promise<RejectedEntry> {
  const entry = await readEntry(config, jobId);
  if (!(await exists(entry.folder))) throw daemonError('JOB_NOT_FOUND', `There is no rejected job ${jobId}.`);
  return entry;
}

async function readEntry(config: BusConfig, jobId: string): Promise<RejectedEntry> {
  const folder = join(busLayout(config.busRoot).rejected, jobId);
  const text = await readFile(join(folder, fileNames.rejectReason), 'utf8').catch(error => {
    if (systemErrorCode(error) === 'ENOENT') return '{}';
    throw error;
  });
  return { jobId, folder, reason: rejectReasonSchema.safeParse(safeJson(text)).data };
}

/**
 * Puts a rejected job back into the inbox, as it came. Worth it when the cause lay outside of the job: a limit that was raised, a permission,
 * a table that is declared now.
 *
 * @throws DaemonError `JOB_NOT_FOUND`, `JOB_ID_WAITING`.
 */
export async function retryRejected(config: BusConfig, jobId: string): Promise<void> {
  const layout = busLayout(config.busRoot);
  const { folder } = await readEntry(config, jobId);
  if (!(await exists(join(folder, fileNames.manifest))))
    throw daemonError('JOB_NOT_FOUND', `There is no rejected job ${jobId} whose files could be submitted again.`);
  if (await exists(join(layout.inbox, jobId)))
    throw daemonError('JOB_ID_WAITING', `A job ${jobId} waits in the inbox already.`);
  await rm(join(folder, fileNames.rejectReason), { force: true });
  await rename(folder, join(layout.inbox, jobId));
  await syncFolder(layout.inbox);
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // torn by a power cut: the daemon makes it again from the journal
  }
}
