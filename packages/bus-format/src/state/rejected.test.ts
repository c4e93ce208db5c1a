import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { readRejected, retryRejected } from './rejected.js';

/** A folder in `rejected/` with the reason of a job. */
function reject(busRoot: string, name: string, jobId: string, seq: number): string {
  const folder = join(busLayout(busRoot).rejected, name);
  mkdirSync(folder, { recursive: true });
  const reason = {
    job_id: jobId,
    seq,
    code: 'NOT_PARQUET',
    error: 'It is no Parquet file.',
    details: [],
    hint: 'Write it again.',
    rejected_at_utc: '2026-01-31T12:00:00.000Z',
    manifest_sha256: null,
  };
  writeFileSync(join(folder, 'REJECT_REASON.json'), JSON.stringify(reason));
  return folder;
}

test('where names ignore case, a rejected job is never taken for one whose id differs in case', async () => {
  const busRoot = temporaryFolder();
  const config = { busRoot } as BusConfig;
  reject(busRoot, 'Job', 'job', 5); // what Job leads to there
  await expect(readRejected(config, 'Job')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  reject(busRoot, 'job~2', 'Job', 2);
  const newest = reject(busRoot, 'job~3', 'Job', 3);
  expect(await readRejected(config, 'Job')).toMatchObject({ folder: newest, reason: { job_id: 'Job', seq: 3 } });
});

test('of two retries of a job at once, one succeeds, and the other says that the job is gone', async () => {
  const busRoot = temporaryFolder();
  const config = { busRoot } as BusConfig;
  const { inbox } = busLayout(busRoot);
  mkdirSync(inbox);
  writeFileSync(join(reject(busRoot, 'job', 'job', 5), 'manifest.json'), '{}');
  const outcomes = await Promise.allSettled([retryRejected(config, 'job'), retryRejected(config, 'job')]);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(outcomes).toContainEqual({ status: 'rejected', reason: expect.objectContaining({ code: 'JOB_NOT_FOUND' }) });
  expect(existsSync(join(inbox, 'job/manifest.json'))).toBe(true);
});
