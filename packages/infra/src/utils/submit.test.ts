import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryBus, temporaryFolder } from '../../test/support/folders.js';
import { tinyDisk, unprivileged } from '../../test/support/machine.js';
import { writeCounting } from '../../test/support/parquet.js';
import { stagedMark } from '../bus-layout.js';
import { initBusRoot } from '../bus-root.js';
import { isBusUnavailable } from '../errors.js';
import { parseManifest } from '../manifest.js';
import type { SubmitArtifactOptions } from './options.js';
import { submitArtifact, submitArtifacts } from './submit.js';

const job = { runId: 'run-1', producer: 'simulation', kind: 'trades' };
const inboxOf = (busRoot: string) => readdirSync(join(busRoot, 'inbox'));
const stagingOf = (busRoot: string) => readdirSync(join(busRoot, 'staging'));
const manifestOf = (busRoot: string, jobId: string) =>
  parseManifest(readFileSync(join(busRoot, 'inbox', jobId, 'manifest.json')));

/** A bus, a file of five rows, and what submits it. */
async function prepared() {
  const { folder, busRoot } = await temporaryBus();
  const parquetPath = await writeCounting(join(folder, 'trades.parquet'), 5);
  const options: SubmitArtifactOptions = { ...job, artifactId: 'trades', parquetPath, busRoot };
  return { folder, busRoot, parquetPath, options };
}

/** Nothing of the attempt is left anywhere. */
function expectNothingSubmitted(busRoot: string) {
  expect(inboxOf(busRoot)).toEqual([]);
  expect(stagingOf(busRoot)).toEqual([]);
}

describe('a submitted job', () => {
  test('lies whole in the inbox: manifest, file, COMMIT', async () => {
    const { busRoot, parquetPath, options } = await prepared();
    const meta = { interval: '1m' };
    const { jobId, artifacts } = await submitArtifact({ ...options, schemaHint: 'canon.trades', rows: 5, meta });
    const content = readFileSync(parquetPath);
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(readdirSync(join(busRoot, 'inbox', jobId)).sort()).toEqual(['COMMIT', 'manifest.json', 'trades.parquet']);
    expect(readFileSync(join(busRoot, 'inbox', jobId, 'COMMIT'), 'utf8')).toBe(stagedMark);
    expect(readFileSync(join(busRoot, 'inbox', jobId, 'trades.parquet')).equals(content)).toBe(true);
    const expected = { rows: 5, bytes: content.length, sha256 };
    expect(manifestOf(busRoot, jobId)).toMatchObject({
      manifest_version: 1,
      job_id: jobId,
      run_id: 'run-1',
      producer: 'simulation',
      kind: 'trades',
      artifacts: [
        {
          artifact_id: 'trades',
          format: 'parquet',
          relpath: 'trades.parquet',
          schema_hint: 'canon.trades',
          meta,
          ...expected,
        },
      ],
    });
    expect(artifacts).toEqual([
      { key: 'run-1/simulation/trades/trades', artifactId: 'trades', kind: 'trades', ...expected },
    ]);
    expect(stagingOf(busRoot)).toEqual([]);
    expect(statSync(parquetPath).nlink).toBe(1); // a copy, not a link: the producer may go on writing to its file
  });

  test('has an id that says when and who, another one each time', async () => {
    const { options } = await prepared();
    const ids = await Promise.all(
      [1, 2, 3].map(async i => (await submitArtifact({ ...options, artifactId: `a${i}` })).jobId),
    );
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^\d{8}T\d{9}Z-simulation-[0-9a-f]{12}$/);
  });

  test('has its lineage, provenance and metadata', async () => {
    const { busRoot, options, parquetPath } = await prepared();
    const { jobId } = await submitArtifacts({
      ...job,
      busRoot,
      inputs: ['run-0/baseline/alerts_std/alerts_std'],
      provenance: { commit: 'abc' },
      meta: { preset: 'trend' },
      artifacts: [{ artifactId: options.artifactId, parquetPath }],
    });
    expect(manifestOf(busRoot, jobId)).toMatchObject({
      inputs: ['run-0/baseline/alerts_std/alerts_std'],
      provenance: { commit: 'abc' },
      meta: { preset: 'trend' },
    });
  });

  test('can have several artifacts, each with its own kind, and files of one name', async () => {
    const { folder, busRoot } = await temporaryBus();
    mkdirSync(join(folder, 'b'));
    const a = await writeCounting(join(folder, 'x.parquet'), 1);
    const b = await writeCounting(join(folder, 'b/x.parquet'), 2, 10);
    const submission = await submitArtifacts({
      ...job,
      busRoot,
      artifacts: [
        { artifactId: 'x', parquetPath: a },
        { artifactId: 'x', parquetPath: b, kind: 'orders' },
        { artifactId: 'y', parquetPath: a, kind: 'orders' },
      ],
    });
    expect(submission.artifacts.map(({ key, rows }) => [key, rows])).toEqual([
      ['run-1/simulation/trades/x', 1],
      ['run-1/simulation/orders/x', 2],
      ['run-1/simulation/orders/y', 1],
    ]);
    const { artifacts } = manifestOf(busRoot, submission.jobId);
    for (const { relpath, sha256 } of artifacts) {
      const content = readFileSync(join(busRoot, 'inbox', submission.jobId, relpath));
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    }
  });

  test('is of the file behind a symbolic link', async () => {
    const { folder, parquetPath, options } = await prepared();
    symlinkSync(parquetPath, join(folder, 'link.parquet'));
    const submission = await submitArtifact({
      ...options,
      parquetPath: join(folder, 'link.parquet'),
      transfer: 'move',
    });
    expect(submission.artifacts[0]?.rows).toBe(5);
    expect(existsSync(parquetPath)).toBe(true);
  });

  test('may have no rows', async () => {
    const { folder, options } = await prepared();
    const parquetPath = await writeCounting(join(folder, 'empty.parquet'), 0);
    const submission = await submitArtifact({ ...options, parquetPath, rows: 0 });
    expect(submission.artifacts[0]?.rows).toBe(0);
  });
});

describe("transfer: 'move'", () => {
  test('gives the file away without copying it', async () => {
    const { busRoot, parquetPath, options } = await prepared();
    const { ino } = statSync(parquetPath);
    const { jobId } = await submitArtifact({ ...options, transfer: 'move' });
    expect(existsSync(parquetPath)).toBe(false);
    const moved = statSync(join(busRoot, 'inbox', jobId, 'trades.parquet'));
    expect(moved.ino).toBe(ino);
    expect(moved.nlink).toBe(1);
  });

  test('can be chosen for one artifact of several', async () => {
    const { folder, busRoot, parquetPath } = await prepared();
    const kept = await writeCounting(join(folder, 'kept.parquet'), 1);
    await submitArtifacts({
      ...job,
      busRoot,
      transfer: 'move',
      artifacts: [
        { artifactId: 'given', parquetPath },
        { artifactId: 'kept', parquetPath: kept, transfer: 'copy' },
      ],
    });
    expect(existsSync(parquetPath)).toBe(false);
    expect(existsSync(kept)).toBe(true);
  });

  test('keeps the file when the submission fails', async () => {
    const { folder, busRoot, parquetPath } = await prepared();
    writeFileSync(join(folder, 'bad.parquet'), 'no parquet');
    const artifacts = [
      { artifactId: 'good', parquetPath },
      { artifactId: 'bad', parquetPath: join(folder, 'bad.parquet') },
    ];
    await expect(submitArtifacts({ ...job, busRoot, transfer: 'move', artifacts })).rejects.toMatchObject({
      code: 'NOT_PARQUET',
    });
    expect(existsSync(parquetPath)).toBe(true);
    expectNothingSubmitted(busRoot);
  });

  test('of one file under two names submits both and does not fail for it', async () => {
    const { busRoot, parquetPath } = await prepared();
    const artifacts = [
      { artifactId: 'a', parquetPath },
      { artifactId: 'b', parquetPath },
    ];
    const { jobId } = await submitArtifacts({ ...job, busRoot, transfer: 'move', artifacts });
    expect(inboxOf(busRoot)).toEqual([jobId]);
    expect(existsSync(parquetPath)).toBe(false);
  });

  test.runIf(existsSync('/dev/shm'))('copies and removes a file of another file system', async () => {
    const { busRoot, options } = await prepared();
    const elsewhere = mkdtempSync('/dev/shm/quantbot-infra-');
    onTestFinished(() => rmSync(elsewhere, { recursive: true }));
    const parquetPath = await writeCounting(join(elsewhere, 'trades.parquet'), 7);
    const { jobId, artifacts } = await submitArtifact({ ...options, parquetPath, transfer: 'move' });
    expect(artifacts[0]?.rows).toBe(7);
    expect(existsSync(parquetPath)).toBe(false);
    expect(existsSync(join(busRoot, 'inbox', jobId, 'trades.parquet'))).toBe(true);
  });
});

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

describe('a mistake is told before anything is submitted', () => {
  test.each<[string, Partial<SubmitArtifactOptions>]>([
    ['ID_INVALID', { runId: '' }],
    ['ID_INVALID', { producer: 'a/b' }],
    ['ID_INVALID', { kind: '..' }],
    ['ID_INVALID', { artifactId: 'x'.repeat(101) }],
    ['ID_INVALID', { jobId: '../escape' }],
    ['ID_INVALID', { inputs: ['a/b/c'] }],
    ['ID_INVALID', { runId: undefined as unknown as string }],
    ['OPTIONS_INVALID', { runId: '', rows: -1 }],
    ['OPTIONS_INVALID', { rows: 1.5 }],
    ['OPTIONS_INVALID', { parquetPath: '' }],
    ['OPTIONS_INVALID', { transfer: 'link' as 'copy' }],
    ['OPTIONS_INVALID', { schemaHint: 'canon.a; DROP TABLE b' }],
    ['OPTIONS_INVALID', { schemaHint: 'Canon.trades' }],
    ['OPTIONS_INVALID', { meta: { big: 1n } }],
    ['OPTIONS_INVALID', { meta: [] as unknown as Record<string, unknown> }],
    ['OPTIONS_INVALID', { row: 5 } as Partial<SubmitArtifactOptions>],
    ['ROWS_MISMATCH', { rows: 6 }],
    ['ARTIFACT_MISSING', { parquetPath: '/nowhere/trades.parquet' }],
    ['ARTIFACT_MISSING', { parquetPath: '/dev/null' }],
    ['ARTIFACT_MISSING', { parquetPath: `/tmp/${'x'.repeat(300)}` }],
    ['ARTIFACT_MISSING', { parquetPath: import.meta.dirname }],
    ['NOT_PARQUET', { parquetPath: import.meta.filename }],
    ['MANIFEST_INVALID', { meta: JSON.parse(`${'{"a":'.repeat(70)}1${'}'.repeat(70)}`) }],
    ['MANIFEST_INVALID', { meta: JSON.parse('{"__proto__": {"a": 1}}') }],
    ['TOO_LARGE', { meta: { text: 'x'.repeat(1_100_000) } }],
  ])('%s: %o', async (code, wrong) => {
    const { busRoot, options } = await prepared();
    const error = await submitArtifact({ ...options, ...wrong }).catch(thrown => thrown);
    expect(error).toMatchObject({ code });
    expect(error.hint).not.toBe('');
    expect(isBusUnavailable(error)).toBe(false);
    expectNothingSubmitted(busRoot);
  });

  test('a FIFO is no artifact, and is not waited for', { timeout: 60_000 }, async () => {
    const { folder, busRoot, options } = await prepared();
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    await expect(submitArtifact({ ...options, parquetPath: join(folder, 'fifo') })).rejects.toMatchObject({
      code: 'ARTIFACT_MISSING',
    });
    expectNothingSubmitted(busRoot);
  });

  test('an artifact that is there twice', async () => {
    const { busRoot, options, parquetPath } = await prepared();
    const artifacts = [
      { artifactId: options.artifactId, parquetPath },
      { artifactId: options.artifactId, parquetPath, kind: 'trades' },
    ];
    await expect(submitArtifacts({ ...job, busRoot, artifacts })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('appears twice: run-1/simulation/trades/trades'),
    });
  });

  test('all mistakes of a call at once', async () => {
    const error = await submitArtifact({ busRoot: 'x' } as SubmitArtifactOptions).catch(thrown => thrown);
    expect(error.details.map((detail: string) => detail.split(':')[0])).toEqual(
      expect.arrayContaining(['runId', 'producer', 'kind', 'artifacts.0.artifactId', 'artifacts.0.parquetPath']),
    );
  });

  test('a file that the producer may not read is ARTIFACT_UNREADABLE', async () => {
    const { folder, busRoot, parquetPath, options } = await prepared();
    chmodSync(folder, 0o755);
    chmodSync(parquetPath, 0);
    const error = await unprivileged(() => submitArtifact(options).catch(thrown => thrown));
    expect(error).toMatchObject({ code: 'ARTIFACT_UNREADABLE' });
    expect(isBusUnavailable(error)).toBe(false);
    expectNothingSubmitted(busRoot);
  });
});

describe('a bus that cannot take the job is told from a mistake', () => {
  test('no bus there', async () => {
    const { options } = await prepared();
    const error = await submitArtifact({ ...options, busRoot: temporaryFolder() }).catch(thrown => thrown);
    expect(error).toMatchObject({ code: 'BUS_ROOT_NOT_FOUND', hint: expect.stringContaining('bus-daemon start') });
    expect(isBusUnavailable(error)).toBe(true);
  });

  test('a folder of the bus is missing', async () => {
    const { busRoot, options } = await prepared();
    rmSync(join(busRoot, 'inbox'), { recursive: true });
    const error = await submitArtifact(options).catch(thrown => thrown);
    expect(error).toMatchObject({ code: 'SUBMIT_FAILED', cause: { code: 'ENOENT' } });
    expect(isBusUnavailable(error)).toBe(true);
    expect(stagingOf(busRoot)).toEqual([]);
  });

  test('the disk is full, and nothing is left', async context => {
    const disk = tinyDisk(context, 256);
    const busRoot = join(disk, 'bus');
    await initBusRoot(busRoot);
    const { folder, options } = await prepared();
    const parquetPath = await writeCounting(join(folder, 'large.parquet'), 40_000);
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(128 * 1024));
    const error = await submitArtifact({ ...options, parquetPath, busRoot }).catch(thrown => thrown);
    expect(error).toMatchObject({ code: 'SUBMIT_FAILED', cause: { code: 'ENOSPC' } });
    expect(isBusUnavailable(error)).toBe(true);
    expectNothingSubmitted(busRoot);
  });

  test('the producer may not write there', async () => {
    const { folder, busRoot, options } = await prepared();
    chmodSync(folder, 0o755);
    const error = await unprivileged(() => submitArtifact(options).catch(thrown => thrown));
    if (process.getuid?.() !== 0) return expect(error).not.toBeInstanceOf(Error); // its own folder
    expect(error).toMatchObject({ code: 'SUBMIT_FAILED', cause: { code: 'EACCES' } });
    expect(isBusUnavailable(error)).toBe(true);
    expectNothingSubmitted(busRoot);
  });

  test('an error of the program is neither', () => {
    expect(isBusUnavailable(new TypeError('x is not a function'))).toBe(false);
  });
});

test('a file that has other names is submitted as a copy or a link, its bytes the same', async () => {
  const { folder, parquetPath, options } = await prepared();
  linkSync(parquetPath, join(folder, 'second.parquet'));
  const { artifacts } = await submitArtifact({ ...options, transfer: 'move' });
  const content = readFileSync(join(folder, 'second.parquet'));
  expect(artifacts[0]?.sha256).toBe(createHash('sha256').update(content).digest('hex'));
});
