import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { besideClaimed } from '@quantbot/bus-format/state';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { expect, test } from 'vitest';
import { runBatch } from '../../../test/support/commits.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import type { Bus } from '../bus.js';
import { type ClaimedJob, isRejected, type VerifiedArtifact } from '../job.js';
import { verify } from './verify.js';

/** A claimed job of one artifact, and the bus that has it. */
async function claimedJob(commit: string, relpath = 'a.parquet') {
  const { bus, test: testBus } = await openInProcess();
  const parquetPath = await produce(testBus, numbers(3));
  const job = putClaimed(bus, {
    jobId: 'job-1',
    commit,
    files: { [relpath]: parquetPath },
    manifest: { artifacts: [{ artifact_id: 'a', relpath }] },
  });
  return { bus, job };
}

const ownCopy = (job: ClaimedJob) => join(besideClaimed(job.folder, 'own'), '0.parquet');

async function verifiedArtifact(bus: Bus, job: ClaimedJob): Promise<VerifiedArtifact> {
  const [verified] = await verify(bus, [job]);
  if (verified === undefined || isRejected(verified)) throw verified?.error ?? new Error('no job');
  return verified.artifacts[0] as VerifiedArtifact;
}

test('a job of the daemon’s own user that was staged is taken as it is, from any other what it names is copied', async () => {
  const staged = await claimedJob('staged\n');
  const { file } = await verifiedArtifact(staged.bus, staged.job);
  expect(file).toBe(join(staged.job.folder, 'a.parquet'));
  const direct = await claimedJob('');
  expect(await verifiedArtifact(direct.bus, direct.job)).toMatchObject({ file: ownCopy(direct.job), rows: 3 });
});

test('no producer can have something of the copy’s name in the job', async () => {
  const { bus, job } = await claimedJob('', '0.parquet');
  expect(await verifiedArtifact(bus, job)).toMatchObject({ file: ownCopy(job), rows: 3 });
  await runBatch(bus, await verify(bus, [job]));
  expect(readdirSync(join(bus.layout.processed, 'job-1')).sort()).toEqual(['RECEIPT.json', 'manifest.json']);
});
