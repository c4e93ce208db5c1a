import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runBatch } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { putClaimed } from '../../test/support/jobs.js';
import { numbers, produce } from '../../test/support/parquet.js';
import type { Bus } from '../bus.js';
import { isRejected } from './job.js';
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

async function verifiedArtifact(bus: Bus, job: Parameters<typeof verify>[1][number]) {
  const [verified] = await verify(bus, [job]);
  if (verified === undefined || isRejected(verified)) throw verified?.error ?? new Error('no job');
  return verified.artifacts[0];
}

test('a file of a job that was staged is taken as it is, any other is copied', async () => {
  const staged = await claimedJob('staged\n');
  expect(await verifiedArtifact(staged.bus, staged.job)).toMatchObject({ copied: false });
  const direct = await claimedJob('');
  expect(await verifiedArtifact(direct.bus, direct.job)).toMatchObject({ copied: true });
});

test('a file of another user is copied, also of a job that was staged: its owner may write to it at any time', async context => {
  if (process.geteuid?.() !== 0) return context.skip('only root can make a file another user’s');
  const { bus, job } = await claimedJob('staged\n');
  chownSync(join(job.folder, 'a.parquet'), 41_002, 41_000);
  expect(await verifiedArtifact(bus, job)).toMatchObject({ copied: true });
});

test('no producer can have something of the copy’s name in the job', async () => {
  const { bus, job } = await claimedJob('', '.copy-0.parquet');
  expect(await verifiedArtifact(bus, job)).toMatchObject({ copied: true, rows: 3 });
  expect(existsSync(join(job.folder, '.copy-0.parquet'))).toBe(true);
  const other = await claimedJob('');
  mkdirSync(join(other.job.folder, '.copy-0.parquet'));
  await runBatch(other.bus, await verify(other.bus, [other.job]));
  expect(readdirSync(join(other.bus.layout.processed, 'job-1')).sort()).toEqual(['RECEIPT.json', 'manifest.json']);
});
