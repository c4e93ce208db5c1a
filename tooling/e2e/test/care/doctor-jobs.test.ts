import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { examine } from '@quantbot/bus-care/doctor';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { writeRawJob, writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, spawnDaemon, startDaemon } from '../support/daemon-process.js';
import { commandsIn, doctor, examination, follow, followAll } from '../support/doctor.js';

const hourAgo = () => new Date(Date.now() - 3_600_000);
const later = async (bus: TestBus, ms: number) =>
  examination(await examine({ config: bus.configPath, env: {}, now: Date.now() + ms }));
const settles = (bus: TestBus, jobId: string) =>
  eventually(
    () => existsSync(join(bus.layout.processed, jobId, 'RECEIPT.json')),
    there => there,
  );

test('jobs that wait while no daemon runs are counted, with those that a killed daemon had begun', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const files = { 'a.parquet': await produce(bus, numbers(3)) };
  for (const jobId of ['one', 'two']) writeToInbox(bus, { jobId, files });
  writeRawJob(join(bus.layout.claimed, '0123456789abcdef~begun'), { jobId: 'begun', files });
  const { code, the } = await doctor(bus);
  expect(code).toBe(2);
  expect(the('JOBS_WITHOUT_DAEMON').what).toMatch(/2 jobs wait, .*1 job that a daemon had started/);
  await followAll(bus, the('JOBS_WITHOUT_DAEMON').cure);
  for (const jobId of ['one', 'two', 'begun']) await settles(bus, jobId);
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a folder in the inbox that has no COMMIT for long is told from one that is just being written', async () => {
  const bus = makeTestBus();
  await startDaemon(bus);
  const files = { 'a.parquet': await produce(bus, numbers(3)) };
  const forgotten = writeToInbox(bus, { jobId: 'forgotten', files, commit: null });
  expect((await doctor(bus)).codes).toEqual([]);
  utimesSync(forgotten, hourAgo(), hourAgo());
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 0, codes: ['JOB_UNCOMMITTED'] });
  await follow(bus, commandsIn(the('JOB_UNCOMMITTED').cure)[0]);
  await settles(bus, 'forgotten');
  const broken = writeToInbox(bus, { jobId: 'broken', files: {}, manifest: null, commit: null });
  utimesSync(broken, hourAgo(), hourAgo());
  await follow(bus, commandsIn((await doctor(bus)).the('JOB_UNCOMMITTED').cure)[1]);
  expect(existsSync(broken)).toBe(false);
  expect((await doctor(bus)).codes).toEqual([]);
});

test('a name in the inbox that is no folder is found; commands on the folder of another user run as that user', async () => {
  const bus = makeTestBus();
  await drain(bus);
  writeFileSync(join(bus.layout.inbox, 'stray'), '');
  const { what, cure } = (await doctor(bus)).the('INBOX_STRAYS');
  expect(what).toMatch(/^1 name in the inbox that is not a folder, such as \S+\/stray: /);
  await follow(bus, commandsIn(cure)[0]);
  const folder = writeToInbox(bus, { jobId: 'forgotten', files: {}, commit: null });
  utimesSync(folder, hourAgo(), hourAgo());
  if (process.getuid?.() === 0) chownSync(folder, 41_002, 41_002);
  const { codes, the } = await doctor(bus);
  expect(codes).toEqual(['DAEMON_NOT_RUNNING', 'JOB_UNCOMMITTED']);
  const command = process.getuid?.() === 0 ? "`sudo -u '#41002' touch " : '`touch ';
  expect(the('JOB_UNCOMMITTED').cure).toContain(`${command}${join(folder, 'COMMIT')}`);
});

sampled('rejected jobs are told by code with the newest of each, and go through when the cause is gone', async () => {
  const bus = makeTestBus({ limits: { max_columns: 1 } });
  await drain(bus);
  writeToInbox(bus, { jobId: 'not-parquet', files: { 'a.parquet': { content: 'not Parquet at all' } } });
  await drain(bus);
  for (const runId of ['wide-1', 'wide-2']) {
    await submit(bus, { runId, jobId: runId, select: numbers(3, ', 1 AS m') });
    await drain(bus);
  }
  const rejections = (await doctor(bus)).report.findings.filter(({ code }) => code === 'JOBS_REJECTED');
  expect(rejections.map(({ level }) => level)).toEqual(['warning', 'warning']);
  const [notParquet, wide] = ['NOT_PARQUET', 'TOO_LARGE'].map(code =>
    rejections.find(({ what }) => what.includes(code)),
  );
  expect(notParquet?.what).toMatch(/^1 job rejected: NOT_PARQUET\. The newest is not-parquet: /);
  expect(wide?.what).toMatch(/^2 jobs rejected: TOO_LARGE\. The newest is wide-2: /);
  writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2 }));
  const [show, retry, retryAll] = commandsIn(wide?.cure ?? '');
  await follow(bus, show);
  await follow(bus, retry);
  await startDaemon(bus);
  await settles(bus, 'wide-2'); // the restart did not recreate the old reason
  const after = (await doctor(bus)).report.findings.filter(({ code }) => code === 'JOBS_REJECTED');
  expect(after.find(({ what }) => what.includes('TOO_LARGE'))?.what).toMatch(/^1 job rejected: .* wide-1: /);
  await follow(bus, retryAll);
  await settles(bus, 'wide-1');
  rmSync(bus.layout.rejected, { recursive: true });
  mkdirSync(bus.layout.rejected);
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a job that stays in work for long is found, and a daemon that starts takes it up again', async () => {
  const bus = makeTestBus();
  await spawnDaemon(bus);
  const files = { 'a.parquet': await produce(bus, numbers(3)) };
  // Like a job that was put aside: the running daemon ignores it for now.
  writeRawJob(join(bus.layout.claimed, '0123456789abcdef~aside'), { jobId: 'aside', files });
  expect((await doctor(bus)).codes).toEqual([]);
  const { codes, the } = await later(bus, 1_200_000);
  expect(codes).toContain('JOB_STUCK');
  expect(the('JOB_STUCK').what).toMatch(/^1 job in progress for more than 10 minutes, such as aside for 20 minutes/);
  await followAll(bus, the('JOB_STUCK').cure);
  await settles(bus, 'aside');
  // The daemon empties the folder after it has written the outcome.
  await expect.poll(() => readdirSync(bus.layout.claimed)).toEqual([]);
  expect((await later(bus, 240_000)).codes).toEqual([]);
});

sampled('half-built jobs that nobody has submitted for a day are found, and gc removes them', async () => {
  const bus = makeTestBus();
  await startDaemon(bus);
  writeRawJob(join(bus.layout.staging, 'half-built'), { jobId: 'half-built', commit: null });
  expect((await doctor(bus)).codes).toEqual([]);
  const { the } = await later(bus, 3 * 86_400_000);
  expect(the('LEFTOVERS').what).toMatch(/^1 job in staging .* 3 days ago/);
  const [show, remove] = commandsIn(the('LEFTOVERS').cure);
  await follow(bus, show);
  await follow(bus, remove);
  expect(readdirSync(bus.layout.staging)).toEqual(['half-built']); // by the real clock, which gc uses, it is not old
  await follow(bus, `${remove} --keep-unfinished 0s`);
  expect((await later(bus, 240_000)).codes).toEqual([]);
});

sampled('jobs and commits that are ahead of the clock are found', async () => {
  const bus = makeTestBus();
  const daemon = await startDaemon(bus);
  await (await submit(bus)).settled();
  expect(await daemon.stop()).toMatchObject({ code: 0 });
  const path = writeToInbox(bus, { jobId: 'tomorrow', files: { 'a.parquet': await produce(bus, numbers(3)) } });
  const tomorrow = new Date(Date.now() + 86_400_000);
  utimesSync(join(path, 'COMMIT'), tomorrow, tomorrow);
  const { the, codes } = await doctor(bus);
  expect(codes).not.toContain('COMMITS_IN_FUTURE');
  expect(the('FILES_IN_FUTURE').what).toMatch(/1 job .* tomorrow \(24 hours ahead\)/);
  await follow(bus, commandsIn(the('FILES_IN_FUTURE').cure)[1]);
  expect((await doctor(bus)).codes).toEqual(['DAEMON_NOT_RUNNING', 'JOBS_WITHOUT_DAEMON']);
  const early = await later(bus, -7_200_000);
  expect(early.the('COMMITS_IN_FUTURE').what).toMatch(/\(seq 1\) .* (119|120) minutes from now/);
  await startDaemon(bus);
  await settles(bus, 'tomorrow');
  expect((await doctor(bus)).codes).toEqual([]);
});

test('a folder that has no COMMIT and a time in the future is not submitted by the cure', async () => {
  const bus = makeTestBus();
  await startDaemon(bus);
  const path = writeToInbox(bus, { jobId: 'unfinished', commit: null });
  const tomorrow = new Date(Date.now() + 86_400_000);
  utimesSync(path, tomorrow, tomorrow);
  await follow(bus, commandsIn((await doctor(bus)).the('FILES_IN_FUTURE').cure)[1]);
  expect(existsSync(join(path, 'COMMIT'))).toBe(false);
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('with very many waiting jobs doctor looks into some, and says of how many', async () => {
  const bus = makeTestBus();
  await drain(bus);
  for (let job = 0; job < 5_200; job++) {
    const folder = join(bus.layout.inbox, `job-${job}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'COMMIT'), '');
  }
  expect((await doctor(bus)).the('JOBS_WITHOUT_DAEMON').what).toContain('5000 jobs wait (looked into 5000 of 5200)');
});

test('doctor leaves every file as it is', async () => {
  const bus = makeTestBus();
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  await drain(bus);
  writeFileSync(`${bus.config.duckdbPath}.writer.lock`, '{');
  const tree = () =>
    readdirSync(bus.folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), 'base64')])
      .sort();
  const before = tree();
  await doctor(bus);
  expect(tree()).toEqual(before);
});
