import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryBus } from '../../test/support/folders.js';
import { writeCounting } from '../../test/support/parquet.js';
import type { Receipt } from '../receipt.js';
import { JobRejectedError } from './settled.js';
import { type Submission, submitArtifact } from './submit.js';

/** A waiting job, and functions that play the daemon. */
async function submitted(jobId = 'job-1', rows = 3) {
  const { folder, busRoot } = await temporaryBus();
  const parquetPath = await writeCounting(join(folder, 'x.parquet'), rows);
  const submit = (path = parquetPath) =>
    submitArtifact({ runId: 'r', producer: 'p', kind: 'k', artifactId: 'a', parquetPath: path, busRoot, jobId });
  return { folder, busRoot, submit, submission: await submit() };
}

function receiptFor({ jobId, busRoot, artifacts }: Submission, more: Partial<Receipt> = {}): string {
  return JSON.stringify({
    job_id: jobId,
    seq: 1,
    status: 'ingested',
    run_id: 'r',
    producer: 'p',
    committed_at: '2026-01-31T12:00:00.000Z',
    artifacts: artifacts.map(({ key, rows, bytes, sha256 }) => ({
      status: 'ingested',
      key,
      canonical_path: join(busRoot, 'store/p/k/r@a.parquet'),
      rows,
      bytes,
      sha256,
    })),
    ...more,
  });
}

function reasonFor({ jobId, busRoot }: Submission, more: object = {}): string {
  const manifest = readFileSync(join(busRoot, 'inbox', jobId, 'manifest.json'));
  return JSON.stringify({
    job_id: jobId,
    seq: 2,
    code: 'ARTIFACT_CONFLICT',
    error: 'The key r/p/k/a has other content.',
    details: ['expected abc'],
    hint: 'Submit under another run_id.',
    rejected_at_utc: '2026-01-31T12:00:00.000Z',
    manifest_sha256: createHash('sha256').update(manifest).digest('hex'),
    ...more,
  });
}

/** Settles a job like the daemon: writes the outcome into the job's folder, then renames it. */
function settle(busRoot: string, jobId: string, where: 'processed' | 'rejected', name: string, text: string) {
  writeFileSync(join(busRoot, 'inbox', jobId, name), text);
  rmSync(join(busRoot, where, jobId), { recursive: true, force: true });
  renameSync(join(busRoot, 'inbox', jobId), join(busRoot, where, jobId));
}

test('a receipt that is there already is the answer', async () => {
  const { busRoot, submission } = await submitted();
  settle(busRoot, 'job-1', 'processed', 'RECEIPT.json', receiptFor(submission, { seq: 42, future_field: true }));
  expect(await submission.settled({ timeoutMs: 0 })).toMatchObject({ seq: 42, future_field: true });
});

test('where names ignore case, the outcome is beside that of the job whose id differs in case', async () => {
  const { busRoot, submission } = await submitted();
  const [artifact] = submission.artifacts;
  const other = receiptFor(
    { ...submission, jobId: 'JOB-1', artifacts: [{ ...artifact!, sha256: '0'.repeat(64) }] } as Submission,
    { seq: 43 },
  );
  settle(busRoot, 'job-1', 'processed', 'RECEIPT.json', other);
  await expect(submission.settled({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'SETTLE_TIMEOUT' });
  const archived = join(busRoot, 'processed', 'JOB-1~42');
  mkdirSync(archived);
  writeFileSync(join(archived, 'RECEIPT.json'), receiptFor(submission, { seq: 42 }));
  expect(await submission.settled({ timeoutMs: 0 })).toMatchObject({ seq: 42 });
});

test('a receipt that comes later ends the waiting', async () => {
  const { busRoot, submission } = await submitted();
  const settled = submission.settled({ timeoutMs: 10_000 });
  setTimeout(() => settle(busRoot, 'job-1', 'processed', 'RECEIPT.json', receiptFor(submission)), 50);
  expect((await settled).artifacts[0]?.canonical_path).toBe(join(busRoot, 'store/p/k/r@a.parquet'));
});

test('a rejection is thrown with its code, hint and details', async () => {
  const { busRoot, submission } = await submitted();
  settle(busRoot, 'job-1', 'rejected', 'REJECT_REASON.json', reasonFor(submission));
  const error = await submission.settled().catch(thrown => thrown);
  expect(error).toBeInstanceOf(JobRejectedError);
  expect(error).toMatchObject({
    name: 'JobRejectedError',
    code: 'ARTIFACT_CONFLICT',
    message: 'The key r/p/k/a has other content.',
    hint: 'Submit under another run_id.',
    details: ['expected abc'],
    disposition: 'reject',
    reason: { seq: 2 },
  });
});

test('a code that this version does not know is told all the same', async () => {
  const { busRoot, submission } = await submitted();
  settle(busRoot, 'job-1', 'rejected', 'REJECT_REASON.json', reasonFor(submission, { code: 'OF_THE_FUTURE' }));
  await expect(submission.settled({ timeoutMs: 1000 })).rejects.toMatchObject({ code: 'OF_THE_FUTURE' });
});

test('an old receipt of the same job id does not answer for new bytes', async () => {
  const { folder, busRoot, submit, submission } = await submitted();
  settle(busRoot, 'job-1', 'processed', 'RECEIPT.json', receiptFor(submission));
  const second = await submit(await writeCounting(join(folder, 'y.parquet'), 4));
  await expect(second.settled({ timeoutMs: 150 })).rejects.toMatchObject({ code: 'SETTLE_TIMEOUT' });
  expect(await submission.settled({ timeoutMs: 0 })).toMatchObject({ seq: 1 });
  settle(busRoot, 'job-1', 'processed', 'RECEIPT.json', receiptFor(second, { seq: 2 }));
  expect(await second.settled({ timeoutMs: 1000 })).toMatchObject({ seq: 2 });
});

test('an old rejection of the same job id does not answer for a retry, not even of the same bytes', async () => {
  const { busRoot, submit, submission } = await submitted();
  settle(busRoot, 'job-1', 'rejected', 'REJECT_REASON.json', reasonFor(submission));
  await new Promise(resolve => setTimeout(resolve, 5)); // the retry's manifest needs another time
  const retry = await submit();
  await expect(retry.settled({ timeoutMs: 150 })).rejects.toMatchObject({ code: 'SETTLE_TIMEOUT' });
  settle(busRoot, 'job-1', 'processed', 'RECEIPT.json', receiptFor(retry));
  expect(await retry.settled()).toMatchObject({ status: 'ingested' });
});

test.each(['', '{"job_id": "job-1", "seq', 'null', '{}'])('a torn receipt is waited out: %j', async torn => {
  const { busRoot, submission } = await submitted();
  settle(busRoot, 'job-1', 'processed', 'RECEIPT.json', torn);
  setTimeout(() => writeFileSync(join(busRoot, 'processed/job-1/RECEIPT.json'), receiptFor(submission)), 150);
  expect(await submission.settled({ timeoutMs: 5000 })).toMatchObject({ seq: 1 });
});

test.each<[string, (busRoot: string) => void]>([
  ['waits in the inbox', () => {}],
  ['is being worked on', busRoot => renameSync(join(busRoot, 'inbox/job-1'), join(busRoot, 'claimed/00ff~job-1'))],
  ['is neither in the inbox nor being worked on', busRoot => rmSync(join(busRoot, 'inbox/job-1'), { recursive: true })],
])('a timeout says that the job %s', async (where, move) => {
  const { busRoot, submission } = await submitted();
  mkdirSync(join(busRoot, 'claimed/00ff~other-job-1'));
  move(busRoot);
  await expect(submission.settled({ timeoutMs: 20 })).rejects.toMatchObject({
    code: 'SETTLE_TIMEOUT',
    disposition: 'retry',
    message: expect.stringContaining(`; it ${where}.`),
    hint: expect.stringContaining('quantbot-bus status'),
  });
});

test('a signal ends the waiting with its reason, also one that was given before', async () => {
  const { submission } = await submitted();
  const controller = new AbortController();
  const waiting = submission.settled({ signal: controller.signal });
  setTimeout(() => controller.abort(new Error('enough')), 20);
  await expect(waiting).rejects.toThrow('enough');
  await expect(submission.settled({ signal: controller.signal })).rejects.toThrow('enough');
});

test('a time limit that is no number is refused', async () => {
  const { submission } = await submitted();
  await expect(submission.settled({ timeoutMs: Number.NaN })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
});

test('many that wait at once all hear of their own job', async () => {
  const { folder, busRoot } = await temporaryBus();
  const parquetPath = await writeCounting(join(folder, 'x.parquet'), 1);
  const submissions: Submission[] = [];
  for (let i = 0; i < 40; i++)
    submissions.push(
      await submitArtifact({ runId: 'r', producer: 'p', kind: 'k', artifactId: `a${i}`, parquetPath, busRoot }),
    );
  const all = Promise.all(submissions.map(submission => submission.settled({ timeoutMs: 10_000 })));
  for (const [i, submission] of submissions.entries())
    settle(busRoot, submission.jobId, 'processed', 'RECEIPT.json', receiptFor(submission, { seq: i }));
  expect((await all).map(receipt => receipt.seq)).toEqual(submissions.map((_, i) => i));
});

/** Returns the folders that this process watches, according to the kernel. */
const foldersWatched = (): number =>
  readdirSync('/proc/self/fd')
    .map(fd => `/proc/self/fdinfo/${fd}`)
    .filter(path => existsSync(path))
    .reduce((count, path) => count + (readFileSync(path, 'utf8').match(/^inotify wd:/gm)?.length ?? 0), 0);

test('however many jobs are waited for, there is one watch for each folder, and none longer than needed', async () => {
  const { busRoot, submission } = await submitted();
  const watches = () => process.getActiveResourcesInfo().filter(name => name === 'FSEventWrap').length;
  const before = { watches: watches(), folders: foldersWatched() };
  const waits = Array.from({ length: 50 }, () => submission.settled());
  expect(watches() - before.watches).toBe(2);
  expect(foldersWatched() - before.folders).toBe(2);
  settle(busRoot, 'job-1', 'processed', 'RECEIPT.json', receiptFor(submission));
  expect((await Promise.all(waits)).map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, () => 1));
  await new Promise(resolve => setImmediate(resolve));
  expect(foldersWatched() - before.folders).toBe(0);
});
