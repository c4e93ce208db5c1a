import { hash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type S3Server, startS3, versitygw } from '@quantbot/tooling-servers/s3';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { writeCounting } from '../../test/support/parquet.js';
import { objectKeys } from '../bus-layout.js';
import { BusError, isBusUnavailable } from '../errors.js';
import { stateText } from '../files/state-file.js';
import { parseObjectManifest } from '../manifest.js';
import { type Objects, openObjects } from '../objects/index.js';
import { JobRejectedError } from './settled.js';
import { type Submission, submitArtifact, submitArtifacts, submitOperation } from './submit.js';

const sha256 = (content: Uint8Array | string) => hash('sha256', content);
const code = (error: string) => expect.objectContaining({ code: error });
const job = { runId: 'run-1', producer: 'simulation', kind: 'trades' };

let server: S3Server;
let folder: string;
let roots = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quantbot-object-bus-'));
  if (versitygw === undefined) return;
  server = await startS3();
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
  await server?.stop();
});

const marker = stateText({
  bus: 'quantbot-artifact-bus',
  layout_version: 1,
  bus_id: 'b',
  created_at: '2026-01-31T12:00:00Z',
});

/** A marked bus, a file of five rows, and a function that submits it. */
async function prepared(kind: string) {
  const name = `bus-${++roots}`;
  const busRoot = kind === 's3' ? `s3://bus/${name}` : pathToFileURL(join(folder, name)).href;
  const objects = await openObjects(busRoot);
  await objects.create(objectKeys.marker, Buffer.from(marker));
  const parquetPath = await writeCounting(join(temporaryFolder(), 'trades.parquet'), 5);
  return { objects, busRoot, parquetPath, options: { ...job, artifactId: 'trades', parquetPath, busRoot } };
}

const namesOf = async (objects: Objects, prefix = '') => (await objects.list(prefix)).map(({ key }) => key);
/** Returns the key of the only waiting job with an id. */
async function entryOf(objects: Objects, jobId: string): Promise<string> {
  const names = await namesOf(objects, objectKeys.inboxOf(jobId));
  expect(names.length).toBe(1);
  return names[0] as string;
}
const waitingOf = async (objects: Objects, jobId: string) =>
  (await objects.read(await entryOf(objects, jobId), 1_000_000)) as Buffer;
const manifestOf = async (objects: Objects, jobId: string) => parseObjectManifest(await waitingOf(objects, jobId));

/** The receipt that a daemon would write. */
const receiptOf = ({ jobId, artifacts }: Submission) => ({
  job_id: jobId,
  seq: 7,
  status: 'ingested',
  run_id: job.runId,
  producer: job.producer,
  committed_at: '2026-01-31T12:00:00Z',
  artifacts: artifacts.map(({ key, rows, bytes, sha256 }) => ({
    status: 'ingested',
    key,
    canonical_path: '/x',
    rows,
    bytes,
    sha256,
  })),
});
const put = (objects: Objects, key: string, content: object) =>
  objects.replace(key, Buffer.from(JSON.stringify(content)));

const kinds = versitygw === undefined ? ['file'] : ['file', 's3'];

describe.each(kinds)('a job submitted to %s://', kind => {
  test('has its file at the final place, and its manifest in the inbox', async () => {
    const { objects, busRoot, parquetPath, options } = await prepared(kind);
    const meta = { interval: '1m' };
    const submission = await submitArtifact({ ...options, schemaHint: 'canon.trades', rows: 5, meta });
    const content = readFileSync(parquetPath);
    const digest = { rows: 5, bytes: content.length, sha256: sha256(content) };
    const object = `store/simulation/trades/run-1@trades.${digest.sha256.slice(0, 16)}.parquet`;
    const entry = objectKeys.inbox(submission.jobId, sha256(await waitingOf(objects, submission.jobId)));
    expect(await namesOf(objects)).toEqual(['bus.json', entry, object]);
    expect((await objects.read(object, 1_000_000))?.equals(content)).toBe(true);
    expect(await manifestOf(objects, submission.jobId)).toMatchObject({
      manifest_version: 1,
      job_id: submission.jobId,
      run_id: 'run-1',
      producer: 'simulation',
      kind: 'trades',
      artifacts: [{ artifact_id: 'trades', format: 'parquet', schema_hint: 'canon.trades', object, meta, ...digest }],
    });
    expect((await manifestOf(objects, submission.jobId)).artifacts[0]?.relpath).toBeUndefined();
    expect(submission.busRoot).toBe(busRoot);
    expect(submission.artifacts).toEqual([
      { key: 'run-1/simulation/trades/trades', artifactId: 'trades', kind: 'trades', ...digest },
    ]);
    expect(existsSync(parquetPath)).toBe(true);
  });

  test('can have many files, of several kinds, and gives away those it is told to', async () => {
    const { objects, busRoot } = await prepared(kind);
    const place = temporaryFolder();
    const artifacts = await Promise.all(
      Array.from({ length: 9 }, async (_, i) => ({
        artifactId: 'x',
        kind: `kind-${i}`,
        parquetPath: await writeCounting(join(place, `${i}.parquet`), i + 1),
        ...(i === 4 && { transfer: 'copy' as const }),
      })),
    );
    const submission = await submitArtifacts({ ...job, busRoot, transfer: 'move', artifacts, meta: { a: 1 } });
    expect(submission.artifacts.map(({ kind, rows }) => [kind, rows])).toEqual(
      artifacts.map(({ kind }, i) => [kind, i + 1]),
    );
    expect(await manifestOf(objects, submission.jobId)).toMatchObject({ meta: { a: 1 } });
    expect((await namesOf(objects, 'store/')).length).toBe(9);
    expect(artifacts.map(({ parquetPath }) => existsSync(parquetPath))).toEqual(artifacts.map((_, i) => i === 4));
  });

  test('is the same job when it is submitted again under its id', async () => {
    const { objects, options } = await prepared(kind);
    const first = await submitArtifact({ ...options, jobId: 'job-1' });
    const before = await waitingOf(objects, 'job-1');
    const again = await submitArtifact({ ...options, jobId: 'job-1' });
    expect(again.artifacts).toEqual(first.artifacts);
    expect(await waitingOf(objects, 'job-1')).toEqual(before);
    const manifest_sha256 = sha256(before);
    await put(objects, objectKeys.rejected('job-1'), { ...rejection('job-1'), manifest_sha256 });
    await expect(again.settled({ timeoutMs: 20_000 })).rejects.toBeInstanceOf(JobRejectedError);
  });

  test('is refused while another job waits under its id', async () => {
    const { objects, options } = await prepared(kind);
    await submitArtifact({ ...options, jobId: 'job-1' });
    const parquetPath = await writeCounting(options.parquetPath, 6);
    const transfer = 'move';
    await expect(submitArtifact({ ...options, parquetPath, jobId: 'job-1', transfer })).rejects.toEqual(
      code('JOB_ID_IN_USE'),
    );
    expect(existsSync(parquetPath)).toBe(true);
    await put(objects, objectKeys.inbox('job-2', sha256('')), { not: 'a manifest' });
    await expect(submitArtifact({ ...options, jobId: 'job-2' })).rejects.toEqual(code('JOB_ID_IN_USE'));
  });

  test('is refused if the store has another content under its name', async () => {
    const { objects, options, parquetPath } = await prepared(kind);
    const object = `store/simulation/trades/run-1@trades.${sha256(readFileSync(parquetPath)).slice(0, 16)}.parquet`;
    await objects.create(object, Buffer.alloc(readFileSync(parquetPath).length));
    await expect(submitArtifact({ ...options, jobId: 'job-1' })).rejects.toEqual(code('CHECKSUM_MISMATCH'));
    expect(await namesOf(objects, 'inbox/')).toEqual([]);
  });

  test('is checked before anything is sent', async () => {
    const { objects, options } = await prepared(kind);
    const text = join(temporaryFolder(), 'text');
    writeFileSync(text, 'not parquet at all');
    const refusals: [object, string][] = [
      [{ rows: 4 }, 'ROWS_MISMATCH'],
      [{ runId: '../x' }, 'ID_INVALID'],
      [{ meta: { n: Number.NaN } }, 'OPTIONS_INVALID'],
      [{ parquetPath: '/no/such/file' }, 'ARTIFACT_MISSING'],
      [{ parquetPath: text }, 'NOT_PARQUET'],
      [{ meta: { text: 'x'.repeat(1_100_000) } }, 'TOO_LARGE'],
    ];
    for (const [more, expected] of refusals)
      await expect(submitArtifact({ ...options, ...more }), expected).rejects.toEqual(code(expected));
    expect(await namesOf(objects, 'inbox/')).toEqual([]);
  });

  test('needs a bus that a daemon has marked', async () => {
    const { busRoot, options } = await prepared(kind);
    const error = await submitArtifact({ ...options, busRoot: `${busRoot}-2` }).catch((error: unknown) => error);
    expect(error).toEqual(code('BUS_ROOT_NOT_FOUND'));
    expect(isBusUnavailable(error)).toBe(true);
    const objects = await openObjects(`${busRoot}-2`);
    await put(objects, objectKeys.marker, { bus: 'quantbot-artifact-bus', layout_version: 99 });
    await expect(submitArtifact({ ...options, busRoot: `${busRoot}-2` })).rejects.toThrow('has layout 99');
  });

  test('is found by the environment and by the configuration', async () => {
    const { busRoot, options } = await prepared(kind);
    const { busRoot: _, ...rest } = options;
    vi.stubEnv('QUANTBOT_BUS_ROOT', busRoot);
    expect((await submitArtifact(rest)).busRoot).toBe(busRoot);
    vi.stubEnv('QUANTBOT_BUS_ROOT', undefined);
    const config = join(temporaryFolder(), 'bus_config.json');
    writeFileSync(config, JSON.stringify({ bus_root: busRoot }));
    vi.stubEnv('QUANTBOT_BUS_CONFIG', config);
    expect((await submitArtifact({ ...rest, runId: 'run-2' })).busRoot).toBe(busRoot);
    vi.stubEnv('QUANTBOT_BUS_CONFIG', undefined);
  });

  test('is settled by its receipt, and by none of an older submission', async () => {
    const { objects, options } = await prepared(kind);
    const submission = await submitArtifact({ ...options, jobId: 'job-1' });
    const older = { ...receiptOf(submission), artifacts: [] };
    await put(objects, objectKeys.receipt('job-1'), older);
    await put(objects, objectKeys.rejected('job-1'), { ...rejection('job-1'), manifest_sha256: 'other' });
    const settled = submission.settled({ timeoutMs: 30_000 });
    await expect(Promise.race([settled, submission.settled({ timeoutMs: 250 })])).rejects.toEqual(
      code('SETTLE_TIMEOUT'),
    );
    await put(objects, objectKeys.receipt('job-1'), receiptOf(submission));
    expect(await settled).toEqual(receiptOf(submission));
  });

  test('says where it is when it is not settled in time, and stops at a signal', async () => {
    const { objects, options } = await prepared(kind);
    const submission = await submitArtifact({ ...options, jobId: 'job-1' });
    await expect(submission.settled({ timeoutMs: 0 })).rejects.toThrow('waits in the inbox');
    await objects.remove([await entryOf(objects, 'job-1')]);
    await expect(submission.settled({ timeoutMs: 0 })).rejects.toThrow('is not in the inbox');
    const reason = new Error('enough');
    await expect(submission.settled({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = submission.settled({ signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test('can ask for an operation', async () => {
    const { objects, busRoot } = await prepared(kind);
    const { jobId } = await submitOperation({ type: 'export', names: [], force: true }, { busRoot });
    expect((await manifestOf(objects, jobId)).op).toEqual({ type: 'export', names: [], force: true });
  });
});

const rejection = (jobId: string) => ({
  job_id: jobId,
  seq: 7,
  code: 'ROWS_MISMATCH',
  error: 'no',
  details: [],
  hint: 'h',
  rejected_at_utc: '2026-01-31T12:00:00Z',
});

test('a store that does not answer is an unavailable bus', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-value');
  const parquetPath = await writeCounting(join(temporaryFolder(), 'a.parquet'), 1);
  const error = await submitArtifact({ ...job, artifactId: 'a', parquetPath, busRoot: 's3://bus/x' }).catch(
    (error: unknown) => error,
  );
  for (const [name, value] of Object.entries(server?.env ?? {})) vi.stubEnv(name, value);
  expect(error).toBeInstanceOf(BusError);
  expect(error).toEqual(code('SUBMIT_FAILED'));
  expect(isBusUnavailable(error)).toBe(true);
  expect(String(error)).not.toContain('secret-value');
}, 40_000);
