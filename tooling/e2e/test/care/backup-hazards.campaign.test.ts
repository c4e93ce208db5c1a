// @module-tag campaign
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { tryGuard } from '@quantbot/bus-format/state';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { startChild } from '@quantbot/tooling-testing/child';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { afterAll, expect, test } from 'vitest';
import { backupFolder, compacting, restoredBus } from '../support/backups.js';
import { cliPath, drain, quantbotBus } from '../support/daemon-process.js';
import { query } from '../support/query.js';
import { reachableCli, removeCopy } from '../support/reachable.js';

afterAll(removeCopy);

async function backup(bus: TestBus, env: NodeJS.ProcessEnv = {}) {
  const args = [cliPath, 'backup', backupFolder(bus), '--config', bus.configPath];
  const child = startChild(process.execPath, args, bus.folder, env);
  const { code, signal } = await child.ended;
  return { code, signal, stdout: child.stdout(), stderr: child.stderr() };
}

/** Commits a job of ten rows for canon.numbers. */
async function ingest(bus: TestBus, runId: string): Promise<void> {
  await submit(bus, { runId, jobId: runId, schemaHint: 'canon.numbers', select: numbers(10) });
  await drain(bus);
}

const runsOf = async (bus: TestBus): Promise<unknown[]> =>
  (await query(bus, 'SELECT run_id FROM catalog.artifacts_f ORDER BY seq')).map(row => row.run_id);

test('what is no file in a job, and what a link leads to, is not copied and stops no backup', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const odd = (jobId: string) => {
    const folder = writeToInbox(bus, { jobId, manifest: '{' });
    spawnSync('mkfifo', [join(folder, 'pipe')]);
    symlinkSync('/etc/passwd', join(folder, 'link'));
  };
  odd('rejected');
  await drain(bus);
  odd('waits');
  symlinkSync('/etc', join(bus.layout.inbox, 'elsewhere'));
  const answer = await backup(bus);
  expect([answer.code, answer.stderr]).toEqual([0, '']);
  expect(answer.stdout).toContain('2 jobs on their way or rejected');
  expect(readdirSync(join(backupFolder(bus), 'inbox'))).toEqual(['waits']);
  expect(readdirSync(join(backupFolder(bus), 'inbox/waits')).sort()).toEqual(['COMMIT', 'link', 'manifest.json']);
  expect(readdirSync(join(backupFolder(bus), 'rejected/rejected'))).toContain('REJECT_REASON.json');
});

test('jobs that wait are ingested in the order in which they were submitted', async () => {
  const bus = makeTestBus();
  await drain(bus);
  for (const [jobId, minutes] of [
    ['c', 1],
    ['a', 2],
    ['b', 3],
  ] as const) {
    await submit(bus, { runId: jobId, jobId });
    const at = Date.UTC(2026, 0, 1) / 1000 + minutes * 60;
    utimesSync(join(bus.layout.inbox, jobId, 'COMMIT'), at, at);
  }
  expect((await backup(bus)).code).toBe(0);
  const other = restoredBus(bus);
  await drain(other);
  expect(await runsOf(other)).toEqual(['c', 'a', 'b']);
});

test('a rejected job that lies there unchanged is not copied again; one that is gone goes; one that has changed is renewed', async () => {
  const bus = makeTestBus();
  await drain(bus);
  for (const jobId of ['stays', 'goes', 'changes']) writeToInbox(bus, { jobId, manifest: '{' });
  await drain(bus);
  await backup(bus);
  const at = (jobId: string) => join(backupFolder(bus), 'rejected', jobId, 'manifest.json');
  const inode = statSync(at('stays')).ino;
  rmSync(join(bus.layout.rejected, 'goes'), { recursive: true });
  writeToInbox(bus, { jobId: 'changes', manifest: '{"other' });
  await drain(bus);
  expect((await backup(bus)).stdout).toContain('2 jobs on their way or rejected');
  expect(statSync(at('stays')).ino).toBe(inode);
  expect(existsSync(at('goes'))).toBe(false);
  expect(readFileSync(at('changes'), 'utf8')).toBe('{"other');
});

test('of two backups at once the second says so, and does not build in the way of the first', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const guard = await tryGuard(join(bus.layout.root, 'backup.guard'), bus.layout.building);
  const { code, stderr } = await backup(bus);
  expect([code, stderr]).toEqual([1, expect.stringContaining('BACKUP_BUSY')]);
  expect(existsSync(backupFolder(bus))).toBe(false);
  guard?.release();
  expect((await backup(bus)).code).toBe(0);
});

test('a bus that was set back does not replace the backup that knows more', async () => {
  const bus = makeTestBus(compacting);
  await drain(bus);
  await ingest(bus, 'a');
  await backup(bus);
  const before = restoredBus(bus, compacting);
  for (const runId of ['b', 'c', 'd']) await ingest(bus, runId);
  await backup(bus);
  const journal = () => readdirSync(join(backupFolder(bus), 'journal'), { recursive: true }).sort();
  const had = journal();
  rmSync(bus.layout.root, { recursive: true });
  cpSync(before.layout.root, bus.layout.root, { recursive: true, preserveTimestamps: true });
  await drain(bus);
  const says = async () => {
    const { code, stderr } = await backup(bus);
    expect([code, stderr]).toEqual([1, expect.stringContaining('BACKUP_AHEAD')]);
    expect(journal()).toEqual(had);
  };
  await says();
  // The same seqs and segment names now belong to other jobs.
  for (const runId of ['x', 'y', 'z']) await ingest(bus, runId);
  await says();
  const other = restoredBus(bus);
  await drain(other);
  expect(await runsOf(other)).toEqual(['a', 'b', 'c', 'd']);
});

test.each(sampleOf(['jobs-in', 'segment-in', 'commit-in#2', 'commits-away'], 1))(
  'killed while it changes the backup (%s), what is there is whole, and the next one renews it',
  async point => {
    const bus = makeTestBus({ batch: { max_jobs: 1 }, compaction: { hot_commits: 3, idle_s: 600 } });
    await drain(bus);
    const submitTen = async (runId: string) =>
      submit(bus, { runId, jobId: runId, schemaHint: 'canon.numbers', select: numbers(10) });
    for (const runId of ['a', 'b']) await submitTen(runId);
    await drain(bus);
    await submitTen('c');
    await backup(bus); // two commits, and a waiting job
    await drain(bus);
    for (const runId of ['d', 'e']) await submitTen(runId);
    await drain(bus);
    await submitTen('f'); // now: a segment of three jobs, two commits, and another waiting job
    expect(await backup(bus, { QUANTBOT_FAULT_POINT: `backup:${point}` })).toMatchObject({ signal: 'SIGKILL' });
    const whole = async (least: number) => {
      const other = restoredBus(bus);
      await drain(other);
      const runs = await runsOf(other);
      expect([...runs].sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'].filter(runId => runs.includes(runId)));
      expect(runs.length).toBeGreaterThanOrEqual(least);
      expect(runs.slice(0, 3)).toEqual(['a', 'b', 'c']);
      expect((await quantbotBus(other, 'verify', '--deep')).stdout).toContain('every file matches the journal');
      expect(await query(other, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 10 * runs.length }]);
    };
    await whole(3);
    expect((await backup(bus)).code).toBe(0);
    expect(readdirSync(backupFolder(bus)).sort()).toEqual(
      ['backup.json', 'bus.json', 'claimed', 'inbox', 'journal', 'rejected', 'store'].sort(),
    );
    await whole(6);
  },
);

const canBeOthers = process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0;

test.skipIf(!canBeOthers)(
  'made by the bus’s own user, it names the jobs that it may not read and keeps who may submit',
  async () => {
    const bus = makeTestBus();
    await drain(bus);
    const [user, stranger] = [41_001, 41_004];
    writeToInbox(bus, { jobId: 'closed' });
    for (const folder of [bus.folder, ...readdirSync(bus.folder, { recursive: true, encoding: 'utf8' })])
      chownSync(join(bus.folder, folder.replace(bus.folder, '')), user, 41_000);
    chownSync(join(bus.layout.inbox, 'closed'), stranger, 41_000);
    chmodSync(join(bus.layout.inbox, 'closed'), 0o711);
    chmodSync(bus.layout.inbox, 0o2775);
    const as = ['--reuid', `${user}`, '--regid', '41000', '--clear-groups', process.execPath, reachableCli()];
    const child = startChild('setpriv', [...as, 'backup', backupFolder(bus), '--config', bus.configPath], bus.folder);
    expect(await child.ended).toMatchObject({ code: 2 });
    expect(child.stdout()).toContain('inbox/closed: may not be read');
    const { mode, uid } = statSync(join(backupFolder(bus), 'inbox'));
    expect([mode & 0o7777, uid]).toEqual([0o2775, user]);
  },
);

test('a state that was kept with links stays as it was, whatever later backups do', async () => {
  const bus = makeTestBus(compacting);
  await drain(bus);
  for (const runId of ['a', 'b']) await ingest(bus, runId);
  writeToInbox(bus, { jobId: 'bad', manifest: '{' });
  await drain(bus);
  await backup(bus);
  const kept = join(bus.folder, 'kept');
  expect(spawnSync('cp', ['-al', backupFolder(bus), kept]).status).toBe(0);
  const contents = () =>
    readdirSync(kept, { recursive: true, encoding: 'utf8' })
      .filter(name => statSync(join(kept, name)).isFile())
      .map(name => [name, readFileSync(join(kept, name), 'hex')]);
  const before = contents();
  writeToInbox(bus, { jobId: 'bad', manifest: '{"other' });
  for (const runId of ['c', 'd']) await ingest(bus, runId);
  expect((await backup(bus)).code).toBe(0);
  expect(contents()).toEqual(before);
});
