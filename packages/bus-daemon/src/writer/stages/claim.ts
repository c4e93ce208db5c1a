import { createHash } from 'node:crypto';
import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inInbox, parseClaimedName, submissionTime } from '@quantbot/bus-format/state';
import { isId } from '@quantbot/infra';
import { faultPoint, fileNames, inFolder, systemErrorCode } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import { type FolderContent, lookInto } from '../file-thread/look-into.js';
import { asError, type ClaimResult } from '../file-thread/orders.js';
import type { ClaimedJob, FoundJob } from '../job.js';

/** The outcome of claiming. */
export interface Claims {
  /** The claimed jobs. */
  jobs: ClaimedJob[];
  /** Jobs that wait because the others fill this round. */
  left: FoundJob[];
  /**
   * Jobs that this process cannot move: their folders belong to another user and are not writable,
   * or lie in a lower layer of overlayfs.
   */
  refused: { job: FoundJob; error: Error }[];
}

/**
 * In: jobs in the inbox. Out: the same jobs under new claims, without those that are gone or cannot
 * be moved. Durable effect: a rename into `claimed/`, not flushed. After a power cut the job is in
 * one of the two places, and both are read.
 *
 * @throws the permission error if the inbox or `claimed/` itself may not be changed.
 */
export async function claim(bus: Bus, found: readonly FoundJob[]): Promise<Claims> {
  faultPoint('claim:before-rename');
  const claims = found.map(job => claimOf(bus, job));
  const orders = claims.map(({ from, job: { folder } }) => ({
    from: typeof from === 'string' ? from : from.toString('base64'),
    fromIsBase64: typeof from !== 'string',
    folder,
  }));
  const results = await bus.files.request({ task: 'claim', orders });
  faultPoint('claim:after-rename');
  const jobs: ClaimedJob[] = [];
  const left: FoundJob[] = [];
  const refused: Claims['refused'] = [];
  for (const [index, { job }] of claims.entries()) {
    const result = results[index] as ClaimResult;
    if (result === 'left') left.push(found[index] as FoundJob);
    else if ('error' in result) {
      const error = asError(result.error);
      if (mustWait(error, bus.layout)) refused.push({ job: found[index] as FoundJob, error });
    } else jobs.push({ ...job, ...seenIn(result) });
  }
  if (refused.length > 0)
    for (const folder of [bus.layout.inbox, bus.layout.claimed]) accessSync(folder, constants.W_OK | constants.X_OK);
  return { jobs, left, refused };
}

/** Field by field, because a rest in a pattern costs more than the rest of a claim. */
const seenIn = ({ files, sealed, ours, own }: FolderContent): Pick<ClaimedJob, keyof FolderContent> => ({
  files: files && new Map(files),
  sealed,
  ours,
  own,
});

function claimOf(
  bus: Bus,
  { name, submittedAtMs, producer }: FoundJob,
): { from: string | Buffer; job: Omit<ClaimedJob, keyof FolderContent> } {
  const claimId = bus.newClaim();
  const jobId = typeof name === 'string' && isId(name) ? name : substituteId(name);
  const folder = inFolder(bus.layout.claimed, `${claimId}~${jobId}`);
  return {
    from: inInbox(bus.layout.inbox, name),
    job: { claim: claimId, jobId, folder, submittedAtMs, producer },
  };
}

/**
 * Whether a job that could not be claimed still waits, because this process cannot move it. A
 * missing job does not.
 */
function mustWait(error: Error, layout: Bus['layout']): boolean {
  const code = systemErrorCode(error);
  if (code === 'ENOENT') return false;
  if (code === 'EXDEV' && isOnOneOverlay(layout)) return true;
  if (code !== 'EACCES' && code !== 'EPERM') throw error;
  return true;
}

const overlayMagic = 0x794c7630;

/**
 * Whether inbox and claimed folder are on one overlayfs. It cannot rename a folder of a lower
 * layer, so the error is about this job only.
 */
const isOnOneOverlay = ({ inbox, claimed }: Bus['layout']): boolean =>
  statfsSync(inbox).type === overlayMagic && statSync(inbox).dev === statSync(claimed).dev;

/** Gives an id to a folder whose name is not one, so that its rejection has a safe name. */
function substituteId(name: string | Buffer): string {
  const readable = String(name)
    .replace(/[^A-Za-z0-9._-]+/g, '_')
    .slice(0, 40);
  return `invalid-${createHash('sha256').update(name).digest('hex').slice(0, 12)}-${readable}`;
}

/** The most files to remember for all jobs in `claimed/`. The rest is looked up when needed. */
const maxKnown = 10_000;

/**
 * Lists jobs that an earlier process or a failed batch left in `claimed/` and that no batch holds,
 * oldest first.
 */
export async function listClaimed(bus: Bus, isOrphan: (claim: string) => boolean = () => true): Promise<ClaimedJob[]> {
  const jobs: ClaimedJob[] = [];
  let known = 0;
  for (const name of await readdir(bus.layout.claimed)) {
    const parsed = parseClaimedName(name);
    if (parsed === undefined || !isOrphan(parsed.claim)) continue;
    const folder = join(bus.layout.claimed, name);
    const submittedAtMs = await lstat(join(folder, fileNames.commit)).then(
      submissionTime,
      () => undefined, // settling had begun, or it never was a complete job
    );
    const { files, ...seen } = seenIn(lookInto(folder));
    const isKnown = files !== undefined && known + files.size <= maxKnown;
    if (isKnown) known += files.size;
    jobs.push({ ...parsed, folder, submittedAtMs, files: isKnown ? files : undefined, ...seen });
  }
  const at = ({ submittedAtMs = 0 }: ClaimedJob) => submittedAtMs;
  return jobs.sort((a, b) => at(a) - at(b) || (a.jobId < b.jobId ? -1 : 1));
}
