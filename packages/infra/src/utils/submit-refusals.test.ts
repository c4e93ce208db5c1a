import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { tinyDisk, unprivileged } from '../../test/support/machine.js';
import { writeCounting } from '../../test/support/parquet.js';
import { expectNothingSubmitted, job, prepared, stagingOf } from '../../test/support/submitting.js';
import { initBusRoot } from '../bus-root.js';
import { isBusUnavailable } from '../errors.js';
import type { SubmitArtifactOptions } from './options.js';
import { submitArtifact, submitArtifacts } from './submit.js';

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

  test.each([undefined, null, 'a.parquet'])('a call with %j instead of options', async options => {
    await expect(submitArtifact(options as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    await expect(submitArtifacts(options as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
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
