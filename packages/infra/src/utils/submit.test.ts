import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryBus } from '../../test/support/folders.js';
import { writeCounting } from '../../test/support/parquet.js';
import {
  expectNothingSubmitted,
  inboxOf,
  job,
  manifestOf,
  prepared,
  stagingOf,
} from '../../test/support/submitting.js';
import { stagedMark } from '../bus-layout.js';
import { submitArtifact, submitArtifacts } from './submit.js';

describe('a submitted job', () => {
  test('lies whole in the inbox: manifest, file, COMMIT', async () => {
    const { busRoot, parquetPath, options } = await prepared();
    const meta = { interval: '1m', shift: -0 };
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
    expect(statSync(parquetPath).nlink).toBe(1); // a copy, not a link: the producer may keep writing to its file
  });

  test('has a warning for a hint that names no table but looks like a mistake, and so has the process', async () => {
    const { busRoot, options, parquetPath } = await prepared();
    const said: Error[] = [];
    const listen = (warning: Error) => said.push(warning);
    process.on('warning', listen);
    onTestFinished(() => void process.off('warning', listen));
    const artifacts = ['trades', 'trades', 'canon.trades', 'simulation.fills'].map((schemaHint, index) => ({
      artifactId: `a${index}`,
      parquetPath,
      schemaHint,
    }));
    const { jobId, warnings } = await submitArtifacts({ ...job, busRoot, artifacts });
    expect(warnings).toEqual([expect.stringContaining('The schema hint trades names no canonical table')]);
    expect(inboxOf(busRoot)).toEqual([jobId]);
    await vi.waitFor(() =>
      expect(said.filter(({ name }) => name === 'SchemaHintWarning').map(({ message }) => message)).toEqual(warnings),
    );
    expect((await submitArtifact({ ...options, schemaHint: 'canon.trades' })).warnings).toEqual([]);
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

test('a file that has other names is submitted as a copy or a link, its bytes the same', async () => {
  const { folder, parquetPath, options } = await prepared();
  linkSync(parquetPath, join(folder, 'second.parquet'));
  const { artifacts } = await submitArtifact({ ...options, transfer: 'move' });
  const content = readFileSync(join(folder, 'second.parquet'));
  expect(artifacts[0]?.sha256).toBe(createHash('sha256').update(content).digest('hex'));
});
