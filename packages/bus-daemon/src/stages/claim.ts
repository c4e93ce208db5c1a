import { createHash } from 'node:crypto';
import { renameSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { faultPoint, fileNames, inFolder, isId, systemErrorCode } from '@quantbot/infra';
import type { Bus } from '../bus.js';
import { breathe } from '../concurrent.js';
import { inInbox } from './discover.js';
import type { ClaimedJob, FoundJob } from './job.js';
import { lookInto } from './look-into.js';

/**
 * In: jobs in the inbox. Out: the same jobs under claims of our own, without those that are gone by now and those that we may not move.
 * Durable effect: rename into `claimed/`, not flushed: after a power cut the job is in one place or the other, and both are looked at.
 *
 * @throws the permission error when not a single job could be moved: then it is the inbox that is at fault, not a job.
 */
export async function claim(bus: Bus, found: readonly FoundJob[]): Promise<ClaimedJob[]> {
  faultPoint('claim:before-rename');
  const refused: unknown[] = [];
  const jobs: ClaimedJob[] = [];
  for (const job of found) {
    const claimed = claimOne(bus, job, refused);
    if (claimed !== undefined) jobs.push(claimed);
    await breathe();
  }
  faultPoint('claim:after-rename');
  if (jobs.length === 0 && refused.length > 0) throw refused[0];
  return jobs;
}

function claimOne(bus: Bus, { name, committedAtMs }: FoundJob, refused: unknown[]): ClaimedJob | undefined {
  const claimId = bus.newClaim();
  const jobId = typeof name === 'string' && isId(name) ? name : substituteId(name);
  const folder = inFolder(bus.layout.claimed, `${claimId}~${jobId}`);
  try {
    renameSync(inInbox(bus.layout.inbox, name), folder);
    return { claim: claimId, jobId, folder, submittedAtMs: committedAtMs, files: lookInto(folder) };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return undefined;
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    // A folder of another user that is not writable for us: it waits, the others go on.
    bus.logger.warn(
      { job: String(name), err: error },
      'a job cannot be taken out of the inbox; make its folder writable for the daemon',
    );
    refused.push(error);
    return undefined;
  }
}

/** A folder whose name is no id gets one, so that it can be rejected under a name that is safe everywhere. */
function substituteId(name: string | Buffer): string {
  const readable = String(name)
    .replace(/[^A-Za-z0-9._-]+/g, '_')
    .slice(0, 40);
  return `invalid-${createHash('sha256').update(name).digest('hex').slice(0, 12)}-${readable}`;
}

/** The jobs that an earlier process, or a batch that failed, left in `claimed/`, oldest first. */
export async function listClaimed(bus: Bus): Promise<ClaimedJob[]> {
  const jobs: ClaimedJob[] = [];
  for (const name of await readdir(bus.layout.claimed)) {
    const match = /^([0-9a-f]{16})~(.+)$/.exec(name);
    if (match === null) continue;
    const folder = join(bus.layout.claimed, name);
    const submittedAtMs = await stat(join(folder, fileNames.commit)).then(
      info => info.mtimeMs,
      () => undefined, // settling had begun, or it never was a whole job
    );
    jobs.push({ claim: match[1] as string, jobId: match[2] as string, folder, submittedAtMs, files: lookInto(folder) });
  }
  const at = ({ submittedAtMs = 0 }: ClaimedJob) => submittedAtMs;
  return jobs.sort((a, b) => at(a) - at(b) || (a.jobId < b.jobId ? -1 : 1));
}
