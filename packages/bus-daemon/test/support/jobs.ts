import { join } from 'node:path';
import { stagedMark } from '@quantbot/infra/files';
import { type RawJob, writeRawJob } from '@quantbot/tooling-testing/raw-job';
import type { Bus } from '../../src/writer/bus.js';
import { lookInto } from '../../src/writer/file-thread/look-into.js';
import type { ClaimedJob } from '../../src/writer/job.js';

/** Puts a job into `claimed/`, as after a claim. */
export function putClaimed(bus: Bus, job: RawJob): ClaimedJob {
  const claim = bus.newClaim();
  const folder = join(bus.layout.claimed, `${claim}~${job.jobId}`);
  writeRawJob(folder, { commit: stagedMark, ...job });
  const { sealed, ours, own } = lookInto(folder);
  return { claim, jobId: job.jobId, folder, sealed, ours, own };
}
