import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { locksOn } from '@quantbot/bus-care/doctor';
import { acquireWriterLock, besideClaimed, guardsOf, retryRejected } from '@quantbot/bus-format/state';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import type { RawJob } from '@quantbot/tooling-testing/raw-job';
import { expect, onTestFinished, test } from 'vitest';
import { runBatch } from '../../../test/support/commits.js';
import { type InProcessBus, openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import { lookInto } from '../file-thread/look-into.js';
import { type ClaimedJob, isRejected } from '../job.js';
import { BringOver } from './bring-over.js';
import { verify } from './verify.js';

const producer = 41_002;
const isRoot = process.geteuid?.() === 0;

/** A claimed job whose folder, and all in it, belongs to another user. */
async function jobOfAnother({ bus, test: testBus }: InProcessBus, more: Partial<RawJob> = {}): Promise<ClaimedJob> {
  const parquetPath = await produce(testBus, numbers(3));
  const job = putClaimed(bus, { jobId: 'job-1', files: { 'a.parquet': parquetPath }, ...more });
  for (const path of ['', 'a.parquet', 'manifest.json', 'COMMIT'])
    if (existsSync(join(job.folder, path))) chownSync(join(job.folder, path), producer, producer);
  return { ...job, ...seen(job.folder) };
}

const seen = (folder: string) => {
  const { sealed, own } = lookInto(folder);
  return { sealed, own };
};

async function codeOf(opened: InProcessBus, job: ClaimedJob): Promise<string | undefined> {
  const [checked] = await verify(opened.bus, [job]);
  return checked !== undefined && isRejected(checked) ? checked.error.code : undefined;
}

test.skipIf(!isRoot)('what another user’s job names is copied to where only the daemon can write', async () => {
  const opened = await openInProcess();
  const job = await jobOfAnother(opened);
  chmodSync(join(job.folder, 'a.parquet'), 0o666);
  const [checked] = await verify(opened.bus, [job]);
  const own = besideClaimed(job.folder, 'own');
  expect([statSync(own).mode & 0o777, statSync(join(own, '0.parquet')).mode & 0o777]).toEqual([0o700, 0o600]);
  // The producer's own file is not read again.
  writeFileSync(join(job.folder, 'a.parquet'), 'something else');
  await runBatch(opened.bus, [checked as NonNullable<typeof checked>]);
  const { layout } = opened.bus;
  const stored = statSync(join(layout.store, 'raw/raw/job-1@a.parquet'));
  expect([stored.uid, stored.mode & 0o777]).toEqual([process.geteuid?.(), 0o444]);
  const receipt = JSON.parse(readFileSync(join(layout.processed, 'job-1/RECEIPT.json'), 'utf8'));
  expect(receipt.artifacts).toMatchObject([{ rows: 3, bytes: stored.size }]);
  expect(statSync(join(layout.processed, 'job-1')).mode & 0o777).toBe(0o755);
  expect([existsSync(job.folder), existsSync(own)]).toEqual([false, false]);
});

/** Runs a program of the system. */
const run = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: 'utf8' });

const succeeds = (...command: Parameters<typeof run>): boolean => run(...command).status === 0;

const mayProducerWrite = (path: string): boolean =>
  succeeds('setpriv', '--reuid', `${producer}`, '--regid', `${producer}`, '--clear-groups', 'test', '-w', path);

test.skipIf(!isRoot)('no access control list lets a producer write to a stored file', async context => {
  const opened = await openInProcess();
  const { layout } = opened.bus;
  for (let path = layout.claimed; path !== dirname(opened.test.folder); path = dirname(path)) chmodSync(path, 0o755);
  const entry = `u:${producer}:rwx`;
  const grant = (...paths: string[]) => succeeds('setfacl', '-m', entry, ...paths);
  const inherited = [layout.store, layout.claimed, layout.hot, layout.processed];
  if (!succeeds('setfacl', '-d', '-m', `${entry},g::rwx,o::rwx`, ...inherited))
    return context.skip('no setfacl, or a file system without ACLs');
  if (!succeeds('getfattr', '--version')) return context.skip('no getfattr');
  const parquetPath = await produce(opened.test, numbers(3));
  const artifacts = [{ artifact_id: 'a', relpath: 'a.parquet', schema_hint: 'canon.numbers' }];
  const own = putClaimed(opened.bus, { jobId: 'own', files: { 'a.parquet': parquetPath }, manifest: { artifacts } });
  const other = await jobOfAnother(opened, { jobId: 'other', manifest: { artifacts } });
  for (const { folder } of [own, other]) {
    const file = join(folder, 'a.parquet');
    chmodSync(file, 0o6644);
    expect(grant(folder, file)).toBe(true);
    expect(mayProducerWrite(file)).toBe(true);
  }
  succeeds('setfattr', '-n', 'user.note', '-v', 'x', join(other.folder, 'a.parquet'));
  const jobs = await verify(opened.bus, [{ ...own, ...seen(own.folder) }, other]);
  await runBatch(opened.bus, jobs);
  const files = readdirSync(layout.hot).flatMap(commit =>
    ['', ...readdirSync(join(layout.hot, commit))].map(name => join(layout.hot, commit, name)),
  );
  for (const job of ['own', 'other']) {
    const stored = join(layout.store, `raw/raw/${job}@a.parquet`);
    expect(statSync(stored).mode & 0o7777).toBe(0o444);
    files.push(stored, dirname(stored), join(layout.processed, job), join(layout.processed, job, 'RECEIPT.json'));
  }
  expect(files.filter(mayProducerWrite)).toEqual([]);
  expect(run('getfattr', '-d', join(layout.store, 'raw/raw/other@a.parquet')).stdout).toBe('');
});

test.skipIf(!isRoot)('a file that many artifacts name is copied once, and is one file in the store', async () => {
  const opened = await openInProcess();
  const ids = ['a', 'b', 'c'];
  const artifacts = ids.map(artifact_id => ({ artifact_id, relpath: 'a.parquet', schema_hint: 'canon.numbers' }));
  const job = await jobOfAnother(opened, { manifest: { artifacts } });
  const [checked] = await verify(opened.bus, [job]);
  const own = besideClaimed(job.folder, 'own');
  expect(readdirSync(own).sort()).toEqual(['0.parquet', 'manifest.json']);
  await runBatch(opened.bus, [checked as NonNullable<typeof checked>]);
  const { layout, journal } = opened.bus;
  const stored = ids.map(id => statSync(join(layout.store, `raw/raw/job-1@${id}.parquet`)).ino);
  expect(new Set(stored).size).toBe(1);
  const rows = await journal.rows('');
  expect(rows.map(({ artifact_id, status, schema_json }) => [artifact_id, status, schema_json])).toEqual(
    ids.map(id => [id, 'ingested', rows[0]?.schema_json]),
  );
  expect([existsSync(job.folder), existsSync(own)]).toEqual([false, false]);
});

test.skipIf(!isRoot)('a name that leads to what its producer may not read is refused', async () => {
  const opened = await openInProcess();
  const closed = join(opened.test.folder, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  writeFileSync(join(closed, 'a.parquet'), readFileSync(await produce(opened.test, numbers(2))), { mode: 0o600 });
  const linked = await jobOfAnother(opened);
  rmSync(join(linked.folder, 'a.parquet'));
  linkSync(join(closed, 'a.parquet'), join(linked.folder, 'a.parquet'));
  expect(await codeOf(opened, linked)).toBe('UNSAFE_PATH');
  const manifest = { artifacts: [{ artifact_id: 'a', relpath: 'sub/a.parquet' }] };
  const nested = await jobOfAnother(opened, { manifest });
  symlinkSync(closed, join(nested.folder, 'sub'));
  expect(await codeOf(opened, nested)).toBe('UNSAFE_PATH');
  rmSync(join(nested.folder, 'sub'));
  mkdirSync(join(nested.folder, 'sub'));
  renameSync(join(nested.folder, 'a.parquet'), join(nested.folder, 'sub/a.parquet'));
  expect(await codeOf(opened, nested)).toBeUndefined();
});

test('a job whose file is a guard under another name is refused, and the writer keeps its locks', async () => {
  const opened = await openInProcess();
  const lock = await acquireWriterLock(opened.test.config);
  onTestFinished(() => lock.release());
  for (const name of ['manifest.json', 'COMMIT', 'a.parquet'])
    for (const guard of guardsOf(opened.test.config)) {
      const job = putClaimed(opened.bus, { jobId: 'job-1', files: { 'a.parquet': { content: 'x' } } });
      rmSync(join(job.folder, name));
      linkSync(guard, join(job.folder, name));
      const held = locksOn(guard);
      expect(held?.length).toBe(1);
      expect(await codeOf(opened, { ...job, ...seen(job.folder) })).toBe(
        name === 'COMMIT' ? 'NOT_PARQUET' : 'UNSAFE_PATH',
      );
      expect(locksOn(guard)).toEqual(held);
    }
});

test('a lease on a file of a job is the job’s own fault', async () => {
  const opened = await openInProcess();
  const job = await jobOfAnother(opened);
  const lease = spawn('python3', [
    '-c',
    `import fcntl, os, sys, time
f = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
time.sleep(60)`,
    join(job.folder, 'manifest.json'),
  ]);
  onTestFinished(() => void lease.kill());
  await once(lease.stdout, 'data');
  expect(await codeOf(opened, job)).toBe('ARTIFACT_UNREADABLE');
});

test.skipIf(!isRoot)(
  'a rejected job of another user is kept whole beside its reason, and can be submitted again',
  async () => {
    const opened = await openInProcess();
    const job = await jobOfAnother(opened, { manifest: { job_id: 'wrong' } });
    await runBatch(opened.bus, await verify(opened.bus, [job]));
    const { rejected, inbox } = opened.bus.layout;
    const reason = join(rejected, 'job-1/REJECT_REASON.json');
    expect(JSON.parse(readFileSync(reason, 'utf8')).code).toBe('MANIFEST_INVALID');
    expect(statSync(dirname(reason)).uid).toBe(process.geteuid?.());
    expect(existsSync(join(rejected, 'job-1/job/a.parquet'))).toBe(true);
    await retryRejected(opened.test.config, 'job-1');
    expect([existsSync(join(inbox, 'job-1/a.parquet')), existsSync(join(rejected, 'job-1'))]).toEqual([true, false]);
  },
);

test('a file that grows after its size was checked is the job’s own fault, and is not read to its end', async () => {
  const opened = await openInProcess();
  const job = await jobOfAnother(opened, { files: { 'a.parquet': { content: Buffer.alloc(2 * 1024 * 1024, 'x') } } });
  const over = await BringOver.begin(opened.bus, job);
  onTestFinished(() => over.close());
  const check = () => truncateSync(join(job.folder, 'a.parquet'), 4 * 1024 * 1024);
  await expect(over.artifact('a.parquet', { index: 0, check })).rejects.toMatchObject({ code: 'BYTES_MISMATCH' });
  expect(existsSync(join(besideClaimed(job.folder, 'own'), '0.parquet'))).toBe(false);
});

test('a folder of the daemon’s own user loses what others may write, and is worked in only when all in it is that user’s alone', async () => {
  const { bus } = await openInProcess();
  const put = () => putClaimed(bus, { jobId: 'job-1', files: { 'a.parquet': { content: 'x' } } }).folder;
  const open = put();
  chmodSync(open, 0o2777);
  expect(seen(open)).toEqual({ sealed: true, own: true });
  expect(statSync(open).mode & 0o7777).toBe(0o755);
  const writable = put();
  chmodSync(join(writable, 'a.parquet'), 0o664);
  const named = put();
  linkSync(join(named, 'a.parquet'), join(named, 'second'));
  const deep = put();
  mkdirSync(join(deep, 'sub'));
  expect(seen(deep)).toEqual({ sealed: true, own: true });
  symlinkSync('..', join(deep, 'sub/link'));
  const unmarked = putClaimed(bus, { jobId: 'job-1', commit: '' }).folder;
  for (const folder of [writable, named, deep, unmarked]) expect(seen(folder)).toEqual({ sealed: true, own: false });
});
