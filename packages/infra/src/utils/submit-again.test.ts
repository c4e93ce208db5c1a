import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeCounting } from '../../test/support/parquet.js';
import { inboxOf, manifestOf, prepared, stagingOf } from '../../test/support/submitting.js';
import { submitArtifact } from './submit.js';

describe('the same jobId again', () => {
  test('is the same submission while the first one waits', async () => {
    const { busRoot, options } = await prepared();
    const first = await submitArtifact({ ...options, jobId: 'job-1', meta: { attempt: 1 } });
    const before = readFileSync(join(busRoot, 'inbox/job-1/manifest.json'), 'utf8');
    const second = await submitArtifact({ ...options, jobId: 'job-1', meta: { attempt: 2 } });
    expect(second.artifacts).toEqual(first.artifacts);
    expect(inboxOf(busRoot)).toEqual(['job-1']);
    expect(stagingOf(busRoot)).toEqual([]);
    expect(readFileSync(join(busRoot, 'inbox/job-1/manifest.json'), 'utf8')).toBe(before);
  });

  test('hears of the rejection of the first one, which is its own', async () => {
    const { busRoot, options } = await prepared();
    await submitArtifact({ ...options, jobId: 'job-1' });
    const manifest = readFileSync(join(busRoot, 'inbox/job-1/manifest.json'));
    const again = await submitArtifact({ ...options, jobId: 'job-1' });
    renameSync(join(busRoot, 'inbox/job-1'), join(busRoot, 'rejected/job-1'));
    writeFileSync(
      join(busRoot, 'rejected/job-1/REJECT_REASON.json'),
      JSON.stringify({
        job_id: 'job-1',
        seq: 1,
        code: 'SCHEMA_MISMATCH',
        error: 'The column n is BIGINT.',
        details: [],
        hint: '',
        rejected_at_utc: '2026-01-31T12:00:00Z',
        manifest_sha256: createHash('sha256').update(manifest).digest('hex'),
      }),
    );
    await expect(again.settled({ timeoutMs: 2000 })).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
  });

  test('gives the file away also when the first attempt is what counts', async () => {
    const { parquetPath, options } = await prepared();
    await submitArtifact({ ...options, jobId: 'job-1' });
    await submitArtifact({ ...options, jobId: 'job-1', transfer: 'move' });
    expect(existsSync(parquetPath)).toBe(false);
  });

  test('with other content is JOB_ID_IN_USE', async () => {
    const { folder, busRoot, options } = await prepared();
    await submitArtifact({ ...options, jobId: 'job-1' });
    const parquetPath = await writeCounting(join(folder, 'other.parquet'), 6);
    await expect(submitArtifact({ ...options, jobId: 'job-1', parquetPath })).rejects.toMatchObject({
      code: 'JOB_ID_IN_USE',
    });
    await expect(submitArtifact({ ...options, jobId: 'job-1', kind: 'other' })).rejects.toMatchObject({
      code: 'JOB_ID_IN_USE',
    });
    expect(stagingOf(busRoot)).toEqual([]);
    expect(manifestOf(busRoot, 'job-1').kind).toBe('trades');
  });

  test('is a new submission once the first one has been taken', async () => {
    const { busRoot, options } = await prepared();
    await submitArtifact({ ...options, jobId: 'job-1' });
    renameSync(join(busRoot, 'inbox/job-1'), join(busRoot, 'claimed/0123456789abcdef~job-1'));
    await submitArtifact({ ...options, jobId: 'job-1' });
    expect(inboxOf(busRoot)).toEqual(['job-1']);
  });

  test.each<[string, (path: string) => void]>([
    ['a folder that is being written', path => mkdirSync(join(path, 'sub'), { recursive: true })],
    ['a file', path => writeFileSync(path, '')],
    ['a link', path => symlinkSync('/nowhere', path)],
    [
      'a manifest that is none',
      path => {
        mkdirSync(path);
        writeFileSync(join(path, 'manifest.json'), '{');
      },
    ],
    [
      'a manifest that is a link',
      path => {
        mkdirSync(path);
        symlinkSync('/etc/hostname', join(path, 'manifest.json'));
      },
    ],
    [
      'a manifest that is a FIFO',
      path => {
        mkdirSync(path);
        execFileSync('mkfifo', [join(path, 'manifest.json')]);
      },
    ],
  ])('is JOB_ID_IN_USE, at once, where the inbox has %s', { timeout: 60_000 }, async (_what, make) => {
    const { busRoot, options } = await prepared();
    make(join(busRoot, 'inbox/job-1'));
    await expect(submitArtifact({ ...options, jobId: 'job-1' })).rejects.toMatchObject({ code: 'JOB_ID_IN_USE' });
    expect(inboxOf(busRoot)).toEqual(['job-1']);
    expect(stagingOf(busRoot)).toEqual([]);
  });

  test('by many at once is one job', async () => {
    const { busRoot, options } = await prepared();
    const submissions = await Promise.all(
      Array.from({ length: 12 }, () => submitArtifact({ ...options, jobId: 'job-1' })),
    );
    expect(new Set(submissions.map(({ jobId }) => jobId))).toEqual(new Set(['job-1']));
    expect(inboxOf(busRoot)).toEqual(['job-1']);
    expect(stagingOf(busRoot)).toEqual([]);
  });
});
