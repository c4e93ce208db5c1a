// @module-tag campaign
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBusUnavailable } from '@quantbot/infra/utils';
import { campaign } from '@quantbot/tooling-config/campaign';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished, test } from 'vitest';
import { drain, quantbotBus, spawnDaemon } from '../support/daemon-process.js';
import { startServing } from '../support/http.js';
import { query } from '../support/query.js';
import { busOnSmallDisk, fillDisk } from '../support/small-disk.js';

/** Prepares a complete job that one rename submits, which works on a full disk too. */
async function prepareJob(bus: TestBus, jobId: string, commit: string): Promise<() => void> {
  const files = { 'numbers.parquet': await produce(bus, numbers(20_000)) };
  const folder = writeToInbox(bus, { jobId, files, commit: null });
  writeFileSync(join(folder, 'COMMIT.later'), commit);
  return () => renameSync(join(folder, 'COMMIT.later'), join(folder, 'COMMIT'));
}

test.for([
  { what: 'a staged job, which is linked', commit: 'staged\n', leave: 0 },
  // There is room for the journal's row, so a rejection could be committed.
  { what: 'a job that must be copied', commit: '', leave: 32_768 },
])(
  'on a full disk the daemon pauses with a clear error, and goes on by itself when there is room: $what',
  async ({ commit, leave }, context) => {
    const bus = busOnSmallDisk();
    if (bus === undefined) return context.skip();
    const daemon = await spawnDaemon(bus);
    await (await submit(bus, { runId: 'before' })).settled();
    const submitPrepared = await prepareJob(bus, 'prepared', commit);
    const makeRoom = fillDisk(bus, leave);
    submitPrepared();
    const line = await daemon.logged('paused');
    expect(line).toMatchObject({ err: { code: 'ENOSPC' }, hint: expect.stringContaining('disk is full') });
    // Readers continue, and a producer's error says that the bus is at fault.
    expect(await query(bus, 'SELECT run_id FROM catalog.artifacts_f')).toEqual([{ run_id: 'before' }]);
    expect(isBusUnavailable(await submit(bus, { select: numbers(20_000) }).catch(error => error))).toBe(true);
    expect(readdirSync(bus.layout.rejected)).toEqual([]);
    makeRoom();
    await eventually(
      () => existsSync(join(bus.layout.processed, 'prepared/RECEIPT.json')),
      there => there,
      20_000,
    );
    await (await submit(bus, { runId: 'after' })).settled();
    expect(await query(bus, 'SELECT run_id FROM catalog.artifacts_f ORDER BY seq')).toEqual([
      { run_id: 'before' },
      { run_id: 'prepared' },
      { run_id: 'after' },
    ]);
    expect(readdirSync(bus.layout.rejected)).toEqual([]);
    expect(readdirSync(bus.layout.claimed)).toEqual([]);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  },
);

test('below min_free_bytes producers are refused, jobs wait, operations go on, and it ends by itself', async context => {
  const mib = 1024 ** 2;
  const bus = busOnSmallDisk(4 * mib);
  if (bus === undefined) return context.skip();
  const { daemon, send } = await startServing(bus);
  const ready = async () => (await send('GET', '/readyz')).json() as { ok: boolean; cause: { code: string } | null };
  const before = await submit(bus, { runId: 'before' });
  await before.settled();
  const submitPrepared = await prepareJob(bus, 'prepared', 'staged\n');
  const makeRoom = fillDisk(bus, 3 * mib);
  const line = await daemon.logged('paused');
  expect(line).toMatchObject({ err: { code: 'DISK_FULL' }, hint: expect.stringContaining('quantbot-bus doctor') });
  submitPrepared();
  // A producer's last look at the disk may be a second old.
  const refused = () => submit(bus).catch(error => error);
  const error = await eventually(refused, outcome => outcome instanceof Error);
  expect(error).toMatchObject({ code: 'DISK_FULL', disposition: 'retry' });
  expect(isBusUnavailable(error)).toBe(true);
  expect(await ready()).toMatchObject({ ok: false, state: 'paused', cause: { code: 'DISK_FULL' } });
  // An operation may free space, so it overtakes the job.
  const [artifact] = before.artifacts;
  expect(await quantbotBus(bus, 'alias', 'set', 'tests/numbers@best', `${artifact?.key}`)).toMatchObject({ code: 0 });
  expect(readdirSync(bus.layout.inbox)).toContain('prepared');
  expect((await quantbotBus(bus, 'status')).stdout).toMatch(/paused {4}since .* bytes free/);
  makeRoom();
  const settled = () => existsSync(join(bus.layout.processed, 'prepared/RECEIPT.json'));
  await eventually(settled, Boolean, 20_000);
  await eventually(ready, ({ ok }) => ok);
  await (await submit(bus, { runId: 'after' })).settled();
  expect(readdirSync(bus.layout.rejected)).toEqual([]);
});

test('a store that cannot be written to makes the daemon pause, and nothing is rejected for it', async context => {
  if (process.getuid?.() === 0) return context.skip('root may write everywhere');
  const bus = makeTestBus();
  await drain(bus);
  chmodSync(bus.layout.store, 0o555);
  const daemon = await spawnDaemon(bus);
  const submission = await submit(bus);
  const line = await daemon.logged('paused');
  expect(line).toMatchObject({ err: { code: 'EACCES' }, hint: expect.stringContaining('permissions') });
  chmodSync(bus.layout.store, 0o755);
  expect((await submission.settled({ timeoutMs: 120_000 })).status).toBe('ingested');
});

test('a store that is mounted read-only makes the daemon pause with the reason, and it goes on when it can be written', async context => {
  const bus = makeTestBus();
  await drain(bus);
  const { store } = bus.layout;
  const mount = (...args: string[]) => execFileSync('mount', args, { stdio: 'pipe' });
  try {
    mount('--bind', store, store);
  } catch (error) {
    return context.skip(`nothing can be mounted here: ${(error as Error).message.split('\n')[0]}`);
  }
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', store]);
  });
  mount('-o', 'remount,ro,bind', store);
  const daemon = await spawnDaemon(bus);
  const submission = await submit(bus, { schemaHint: 'canon.numbers' });
  expect(await daemon.logged('paused')).toMatchObject({
    err: { code: 'EROFS' },
    hint: expect.stringContaining('read-only'),
  });
  mount('-o', 'remount,rw,bind', store);
  expect((await submission.settled({ timeoutMs: 120_000 })).status).toBe('ingested');
  expect(readdirSync(bus.layout.rejected)).toEqual([]);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});

test('a daemon that pauses can be stopped, and what it had in hand waits for the next one', async context => {
  const bus = busOnSmallDisk();
  if (bus === undefined) return context.skip();
  const daemon = await spawnDaemon(bus);
  const submitPrepared = await prepareJob(bus, 'prepared', '');
  const makeRoom = fillDisk(bus, 0);
  submitPrepared();
  await daemon.logged('paused');
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  makeRoom();
  await drain(bus);
  expect(await query(bus, 'SELECT run_id FROM catalog.artifacts_f')).toEqual([{ run_id: 'prepared' }]);
});

test('without file descriptors the daemon pauses and says so, and goes on when there are some again', async context => {
  const bus = makeTestBus();
  const daemon = await spawnDaemon(bus);
  await (await submit(bus, { runId: 'before', schemaHint: 'canon.numbers' })).settled();
  const limit = (soft: number) =>
    execFileSync('prlimit', ['--pid', String(daemon.pid), `--nofile=${soft}:`], { stdio: 'pipe' });
  try {
    limit(4);
  } catch (error) {
    return context.skip(`the limit of a process cannot be changed here: ${(error as Error).message}`);
  }
  const submission = await submit(bus, { runId: 'during', schemaHint: 'canon.numbers' });
  const line = await daemon.logged('paused');
  expect(line).toMatchObject({ err: { code: 'EMFILE' }, hint: expect.stringContaining('ulimit -n') });
  limit(1024);
  expect((await submission.settled({ timeoutMs: 120_000 })).status).toBe('ingested');
  expect(readdirSync(bus.layout.rejected)).toEqual([]);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});

test('an inbox on another file system is said to be wrong by producer and daemon, and what lies in it is not lost', async context => {
  const bus = makeTestBus();
  await drain(bus);
  const mount = (...args: string[]) => execFileSync('mount', [...args, bus.layout.inbox], { stdio: 'pipe' });
  try {
    mount('-t', 'tmpfs', 'tmpfs');
  } catch (error) {
    return context.skip(`nothing can be mounted here: ${(error as Error).message.split('\n')[0]}`);
  }
  const unmount = () => execFileSync('umount', ['--lazy', bus.layout.inbox]);
  onTestFinished(() => {
    if (existsSync(join(bus.layout.inbox, 'left'))) unmount();
  });
  const refused = await submit(bus).catch(error => error);
  expect(refused).toMatchObject({ code: 'SUBMIT_FAILED', hint: expect.stringContaining('one file system') });
  const files = { 'numbers.parquet': await produce(bus, numbers(3)) };
  writeToInbox(bus, { jobId: 'stranger', files });
  const daemon = await spawnDaemon(bus);
  expect(await daemon.logged('paused')).toMatchObject({
    err: { code: 'EXDEV' },
    hint: expect.stringContaining('one file system'),
  });
  expect(existsSync(join(bus.layout.inbox, 'stranger/COMMIT'))).toBe(true);
  unmount();
  expect((await (await submit(bus, { runId: 'after' })).settled({ timeoutMs: 120_000 })).status).toBe('ingested');
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});

test('thousands of jobs that wait at the start are taken up at once, and all of them', {
  timeout: 240_000,
}, async () => {
  const bus = makeTestBus();
  await drain(bus);
  const original = await produce(bus, numbers(3));
  const jobs = campaign(300, 10_000);
  for (let job = 0; job < jobs; job++) writeToInbox(bus, { jobId: `job-${job}`, files: { 'a.parquet': original } });
  const started = performance.now();
  const daemon = await spawnDaemon(bus, { args: ['--drain'] });
  const first = await daemon.logged('batch committed');
  console.log(`${jobs} jobs wait: first commit after ${Math.round(performance.now() - started)} ms`);
  expect(first.lastSeq).toBeLessThan(jobs);
  expect(await daemon.ended).toEqual({ code: 0, signal: null });
  console.log(`all after ${Math.round(performance.now() - started)} ms`);
  expect(await query(bus, 'SELECT count(*) AS n, max(seq) AS last FROM catalog.artifacts_f')).toEqual([
    { n: jobs, last: jobs },
  ]);
});

test('on a disk without one free byte the daemon starts, and goes on by itself when there is room', async context => {
  const bus = busOnSmallDisk();
  if (bus === undefined) return context.skip();
  await drain(bus);
  const submitPrepared = await prepareJob(bus, 'prepared', 'staged\n');
  const makeRoom = fillDisk(bus, 0);
  submitPrepared();
  const daemon = await spawnDaemon(bus);
  await daemon.logged('paused');
  makeRoom();
  await eventually(
    () => existsSync(join(bus.layout.processed, 'prepared/RECEIPT.json')),
    there => there,
    20_000,
  );
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});

test('jobs in a layer of an image wait, with a hint, and keep no other job waiting', async context => {
  const bus = makeTestBus();
  await drain(bus);
  const files = { 'numbers.parquet': await produce(bus, numbers(3)) };
  writeToInbox(bus, { jobId: 'in-the-image', files });
  const data = join(bus.folder, 'data');
  const layers = join(bus.folder, 'layers');
  for (const name of ['lower', 'upper', 'work']) mkdirSync(join(layers, name), { recursive: true });
  try {
    // A lower layer of another file system, as in a container.
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(layers, 'lower')], { stdio: 'pipe' });
    onTestFinished(() => void execFileSync('umount', ['--lazy', join(layers, 'lower')]));
    execFileSync('cp', ['-a', `${data}/.`, join(layers, 'lower')]);
    const options = `lowerdir=${layers}/lower,upperdir=${layers}/upper,workdir=${layers}/work`;
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, data], { stdio: 'pipe' });
    onTestFinished(() => void execFileSync('umount', ['--lazy', data]));
  } catch (error) {
    return context.skip(`no overlayfs here: ${(error as Error).message.split('\n')[0]}`);
  }
  const daemon = await spawnDaemon(bus);
  expect(await daemon.logged('cannot be moved out of the inbox')).toMatchObject({
    job: 'in-the-image',
    hint: expect.stringContaining('volume'),
  });
  expect((await (await submit(bus, { runId: 'after' })).settled({ timeoutMs: 60_000 })).status).toBe('ingested');
  expect(existsSync(join(bus.layout.inbox, 'in-the-image/COMMIT'))).toBe(true);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});
