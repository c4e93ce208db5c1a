import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { claimedNames, type InboxEntry, lookIntoInbox } from '@quantbot/bus-format/state';
import { busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists, systemErrorCode } from '@quantbot/infra/files';
import { type Catalog, type JobFilter, type JobRecord, openCatalog } from '@quantbot/storage';

/** Where a job is. The last four are outcomes. */
export type JobState = 'uncommitted' | 'waiting' | 'claimed' | 'ingested' | 'duplicate' | 'rejected' | 'dismissed';

/**
 * A job, wherever it is. Until it has settled, only its id is known, because its manifest is not
 * verified yet.
 */
export interface JobEntry {
  jobId: string;
  state: JobState;
  /** When it was submitted (by the folder's time), or committed. */
  at: Date;
  /** Its outcome; null until it has settled. */
  settled: JobRecord | null;
}

/** A job that has not settled. */
export type OpenJob = JobEntry & { settled: null };

/** Which jobs to list. Only settled jobs are known by anything but `state`. */
export interface JobsWanted extends Omit<JobFilter, 'status' | 'beforeSeq'> {
  state?: JobState;
  limit: number;
}

/** A part of a list of jobs, and how many more there are. */
export interface JobList {
  jobs: JobEntry[];
  more: number;
}

/** Returns jobs that have not settled, then settled ones, newest first. */
export async function listJobs(config: BusConfig, wanted: JobsWanted): Promise<JobList> {
  const open = wantsOpen(wanted) ? await findOpenJobs(config) : [];
  if (!(await exists(config.duckdbPath))) return listedJobs(undefined, open, wanted);
  await using catalog = await openCatalog({ duckdbPath: config.duckdbPath });
  return await listedJobs(catalog, open, wanted);
}

/** Returns whether jobs that have not settled belong to a list. */
export const wantsOpen = ({ state: _state, limit: _limit, ...filter }: JobsWanted): boolean =>
  Object.values(filter).every(value => value === undefined);

/** Returns a list of jobs: first those of `open` in the wanted state, then those of the catalog. */
export async function listedJobs(
  catalog: Catalog | undefined,
  open: readonly OpenJob[],
  { state, limit, ...filter }: JobsWanted,
): Promise<JobList> {
  const waiting = open.filter(job => (state ?? job.state) === job.state);
  const shown: JobEntry[] = waiting.slice(0, limit);
  let more = waiting.length - shown.length;
  if (catalog !== undefined && !isOpen(state)) {
    const settled = { ...filter, status: state };
    const found = await catalog.jobs({ ...settled, limit: limit - shown.length });
    shown.push(...found.map(settledEntry));
    if (shown.length === limit) more += (await catalog.count('jobs', settled)) - found.length;
  }
  return { jobs: shown, more };
}

/** Returns a job by its id; undefined if the bus does not know it. */
export async function findJob(config: BusConfig, jobId: string): Promise<JobEntry | undefined> {
  const open = (await findOpenJobs(config)).find(job => job.jobId === jobId);
  if (open !== undefined || !(await exists(config.duckdbPath))) return open;
  await using catalog = await openCatalog({ duckdbPath: config.duckdbPath });
  const settled = await catalog.job(jobId);
  return settled && settledEntry(settled);
}

const settledEntry = (settled: JobRecord): JobEntry => ({
  jobId: settled.jobId,
  state: settled.status,
  at: settled.committedAt,
  settled,
});

/** Returns whether a job in this state has not settled yet. */
const isOpen = (state: JobState | undefined): state is 'uncommitted' | 'waiting' | 'claimed' =>
  state === 'uncommitted' || state === 'waiting' || state === 'claimed';

/**
 * Returns the jobs that have not settled, newest first.
 *
 * @param max examine only this many jobs of the inbox and of `claimed/` each.
 */
export async function findOpenJobs(
  { busRoot }: Pick<BusConfig, 'busRoot'>,
  max = Number.POSITIVE_INFINITY,
): Promise<OpenJob[]> {
  const layout = busLayout(busRoot);
  const { waiting, uncommitted, closed } = await lookIntoInbox(layout.inbox, max);
  const found: (OpenJob | undefined)[] = [
    ...waiting.map(entry => openJob(entry, 'waiting')),
    ...[...uncommitted, ...closed].map(entry => openJob(entry, 'uncommitted')),
  ];
  for (const name of claimedNames(await readdir(layout.claimed)).slice(0, max))
    found.push(await claimedJob(join(layout.claimed, name), name.slice(name.indexOf('~') + 1)));
  return found.filter(job => job !== undefined).sort((a, b) => b.at.getTime() - a.at.getTime());
}

const openJob = ({ name, since }: InboxEntry, state: JobState): OpenJob => ({
  jobId: name,
  state,
  at: new Date(since),
  settled: null,
});

/** Returns undefined for a job that has settled meanwhile. */
async function claimedJob(folder: string, jobId: string): Promise<OpenJob | undefined> {
  try {
    return { jobId, state: 'claimed', at: (await lstat(folder)).mtime, settled: null };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
