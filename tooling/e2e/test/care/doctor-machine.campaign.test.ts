// @module-tag campaign
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { examine } from '@quantbot/bus-care/doctor';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { cliPath, drain, quantbotBus, startDaemon } from '../support/daemon-process.js';
import { commandsIn, doctor, type Examination, examination, follow } from '../support/doctor.js';
import { reachableCli, removeCopy } from '../support/reachable.js';

afterAll(removeCopy);

const nobody = '65534';

/** Mounts a file system. If the machine does not allow it, prints the reason and returns false. */
function mounted(path: string, ...args: string[]): boolean {
  try {
    execFileSync('mount', [...args, path], { stdio: 'pipe' });
  } catch (error) {
    console.log((error as Error).message.split('\n')[0]);
    return false;
  }
  onTestFinished(() => {
    if (execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' }).includes(` ${path} `))
      execFileSync('umount', ['--lazy', path]);
  });
  return true;
}

/** A bus with its data on a separate disk. */
function busOnDisk(options: string): TestBus | undefined {
  const bus = makeTestBus();
  mkdirSync(join(bus.folder, 'data'));
  return mounted(join(bus.folder, 'data'), '-t', 'tmpfs', '-o', options, 'tmpfs') ? bus : undefined;
}

/** Runs doctor as the user nobody. */
async function doctorOfNobody(bus: TestBus): Promise<Examination> {
  const args = [
    '--reuid',
    nobody,
    '--regid',
    nobody,
    '--clear-groups',
    process.execPath,
    reachableCli(),
    'doctor',
    '--json',
  ];
  const child = startChild('setpriv', [...args, '--config', bus.configPath], bus.folder);
  const { code } = await child.ended;
  expect(child.stderr()).toBe('');
  return examination(JSON.parse(child.stdout()), code);
}

/** A bus that belongs to the user nobody, and has no daemon. */
async function busOfNobody(): Promise<TestBus | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const bus = makeTestBus();
  await drain(bus);
  execFileSync('chown', ['-R', `${nobody}:${nobody}`, bus.folder]);
  expect((await doctorOfNobody(bus)).codes).toEqual(['DAEMON_NOT_RUNNING']);
  return bus;
}

/** Applies, as the user nobody, a cure for the user who ran doctor. */
async function asNamed(bus: TestBus, cure: string): Promise<void> {
  for (const command of commandsIn(cure)) await follow(bus, command);
}

test.for(sampleOf(['inbox', 'store', 'root'] as const, 1))(
  'a folder that the user may not write into is named with its owner: %s',
  async (folder, context) => {
    const bus = await busOfNobody();
    if (bus === undefined) return context.skip('only root can be another user');
    const path = bus.layout[folder];
    execFileSync('chown', ['0:0', path]);
    const { code, the } = await doctorOfNobody(bus);
    expect(code).toBe(2);
    const mode = folder === 'inbox' ? '1755' : '755';
    expect(the('NOT_WRITABLE').what).toContain(`may not write to ${path} (it belongs to uid 0, gid 0, mode ${mode})`);
    await asNamed(bus, the('NOT_WRITABLE').cure);
    expect((await doctorOfNobody(bus)).codes).toEqual(['DAEMON_NOT_RUNNING']);
  },
);

test('an export folder without the right to write is found', async context => {
  const bus = await busOfNobody();
  if (bus === undefined) return context.skip('only root can be another user');
  chmodSync(bus.config.export.exportDir, 0o555);
  const { codes, the } = await doctorOfNobody(bus);
  expect(codes).toEqual(['NOT_WRITABLE', 'DAEMON_NOT_RUNNING']);
  await asNamed(bus, the('NOT_WRITABLE').cure);
  expect((await doctorOfNobody(bus)).codes).toEqual(['DAEMON_NOT_RUNNING']);
});

test('a job of another user that may not be moved is found, and goes through when its folder is opened', async context => {
  const bus = await busOfNobody();
  if (bus === undefined) return context.skip('only root can be another user');
  const path = writeToInbox(bus, { jobId: 'strange', files: { 'a.parquet': await produce(bus, numbers(3)) } });
  chmodSync(path, 0o755);
  execFileSync('chown', ['-R', '41002', path]);
  chmodSync(bus.folder, 0o755); // the producer reaches its job
  const { code, codes, the } = await doctorOfNobody(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['DAEMON_NOT_RUNNING', 'JOBS_WITHOUT_DAEMON', 'JOB_CLOSED'] });
  // As its owner, not as root: a link in its place would open what it leads to.
  expect(the('JOB_CLOSED').cure).toContain("`sudo -u '#41002' chmod -R ");
  await follow(bus, commandsIn(the('JOB_CLOSED').cure)[0]);
  expect((await doctorOfNobody(bus)).codes).toEqual(['DAEMON_NOT_RUNNING', 'JOBS_WITHOUT_DAEMON']);
});

test('folders that may not even be looked into make findings, and no crash', async context => {
  const bus = await busOfNobody();
  if (bus === undefined) return context.skip('only root can be another user');
  for (const path of [bus.layout.rejected, join(bus.folder, 'data')]) {
    execFileSync('chown', ['0:0', path]);
    chmodSync(path, 0o700);
    const { code, the } = await doctorOfNobody(bus);
    expect(code).toBe(2);
    expect(the('CHECK_FAILED').cure).toContain("the daemon's user");
    chmodSync(path, 0o755);
    execFileSync('chown', [`${nobody}:${nobody}`, path]);
    expect((await doctorOfNobody(bus)).codes).toEqual(['DAEMON_NOT_RUNNING']);
  }
});

test('a file system that is mounted read-only is told from missing rights; the daemon says that it pauses, and goes on after the cure', async context => {
  const bus = busOnDisk('size=2g');
  if (bus === undefined) return context.skip('nothing can be mounted here');
  await startDaemon(bus);
  writeToInbox(bus, { jobId: 'prepared', files: { 'a.parquet': await produce(bus, numbers(3)) } });
  const { store } = bus.layout;
  await eventually(
    () => existsSync(join(bus.layout.processed, 'prepared/RECEIPT.json')),
    there => there,
  );
  if (!mounted(store, '--bind', store)) return context.skip('nothing can be mounted here');
  execFileSync('mount', ['-o', 'remount,ro,bind', store]);
  const submission = await submit(bus, { runId: 'during' });
  const { code, the } = await eventually(
    () => doctor(bus),
    ({ codes }) => codes.includes('DAEMON_PAUSED'),
  );
  expect(code).toBe(2);
  expect(the('DAEMON_PAUSED').what).toContain('EROFS');
  expect((await quantbotBus(bus, 'status')).stdout).toMatch(/^paused {4}since .*EROFS/m);
  expect(the('READ_ONLY').what).toContain(store);
  expect(the('DIFFERENT_FILE_SYSTEMS').what).toContain(store);
  await follow(bus, commandsIn(the('READ_ONLY').cure)[0]);
  expect((await doctor(bus)).codes).not.toContain('READ_ONLY');
  const [unmount] = commandsIn(the('DIFFERENT_FILE_SYSTEMS').cure);
  const orBusy = () => follow(bus, unmount).catch(() => 'busy'); // the daemon may have a file open there
  await eventually(orBusy, done => done !== 'busy');
  expect((await submission.settled({ timeoutMs: 120_000 })).status).toBe('ingested');
  expect((await doctor(bus)).codes).toEqual([]);
});

test('an inbox on another file system is found', async context => {
  const bus = makeTestBus();
  await drain(bus);
  if (!mounted(bus.layout.inbox, '-t', 'tmpfs', 'tmpfs')) return context.skip('nothing can be mounted here');
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['DIFFERENT_FILE_SYSTEMS', 'DAEMON_NOT_RUNNING'] });
  await follow(bus, commandsIn(the('DIFFERENT_FILE_SYSTEMS').cure)[0]);
  expect((await doctor(bus)).codes).toEqual(['DAEMON_NOT_RUNNING']);
});

test('a disk that is nearly full is a warning, one that is full a problem, and the paused daemon says why', async context => {
  const bus = busOnDisk('size=512m');
  if (bus === undefined) return context.skip('nothing can be mounted here');
  await startDaemon(bus);
  const low = await doctor(bus);
  expect({ code: low.code, codes: low.codes }).toEqual({ code: 0, codes: ['DISK_LOW'] });
  const ballast = join(bus.folder, 'data/ballast');
  const { bavail, bsize } = statfsSync(join(bus.folder, 'data'));
  writeFileSync(ballast, Buffer.alloc(bavail * bsize - 8 * 1024 ** 2));
  const pausedToo = ({ codes }: { codes: string[] }) => codes.includes('DAEMON_PAUSED');
  const { code, codes, the } = await eventually(() => doctor(bus), pausedToo);
  expect({ code, codes }).toEqual({ code: 2, codes: ['DISK_FULL', 'DAEMON_PAUSED'] });
  expect(the('DAEMON_PAUSED').what).toContain('min_free_bytes');
  for (const command of commandsIn(the('DISK_FULL').cure)) await follow(bus, command);
  rmSync(ballast);
  execFileSync('mount', ['-o', 'remount,size=4g', join(bus.folder, 'data')]);
  const { codes: after } = await eventually(
    () => doctor(bus),
    ({ codes }) => codes.length === 0,
  );
  expect(after).toEqual([]);
});

test('a disk that will be full soon is a warning that names who fills it and what could go', async context => {
  const bus = busOnDisk('size=3g');
  if (bus === undefined) return context.skip('nothing can be mounted here');
  await drain(bus);
  await submit(bus, { kind: 'ticks', select: numbers(50_000), schemaHint: 'canon.ticks' });
  await submit(bus, { kind: 'plots', select: numbers(3) });
  await drain(bus);
  const late = async (days: number) => {
    const now = Date.now() + days * 86_400_000;
    return examination(await examine({ config: bus.configPath, env: {}, now }));
  };
  const codesOf = async (days: number) => (await late(days)).codes.filter(code => code.startsWith('DISK'));
  expect(await codesOf(1.5)).toEqual([]);
  const { bavail, bsize } = statfsSync(join(bus.folder, 'data'));
  const stored = statSync(
    join(bus.layout.store, 'tests/ticks', readdirSync(join(bus.layout.store, 'tests/ticks'))[0] ?? ''),
  ).size;
  // In one day and a half, the bus has grown by three times this.
  const settings = JSON.parse(readFileSync(bus.configPath, 'utf8'));
  writeFileSync(
    bus.configPath,
    JSON.stringify({ ...settings, min_free_bytes: bavail * bsize - 8 * stored, gc: { keep: 0.001 } }),
  );
  expect(await codesOf(0.5)).toEqual([]); // too short a life to say anything
  const { the } = await late(1.5);
  const { what, cure } = the('DISK_FILLING');
  expect(what).toMatch(/will be full in about 4 days: .* free, and the bus has grown by .* a day lately/);
  expect(cure).toMatch(/`quantbot-bus gc --apply[^`]*` removes 2 old jobs and 0 orphans \(.* KiB\)/);
  expect(cure).toMatch(/The largest producers: tests .* in a week\)/);
  expect(cure).toMatch(/The largest kinds: ticks .* in a week\), plots .* in a week\)/);
  for (const command of commandsIn(cure)) await follow(bus, command);
  expect(readdirSync(bus.layout.processed)).toEqual([]);
  expect((await late(1.5)).the('DISK_FILLING').cure).not.toContain('old jobs');
  expect(await codesOf(30)).toEqual([]); // it has not grown for weeks
});

test('inodes that run out are found as well', async context => {
  const bus = busOnDisk('size=4g,nr_inodes=5000');
  if (bus === undefined) return context.skip('nothing can be mounted here');
  await drain(bus);
  const low = await doctor(bus);
  expect(low.codes).toEqual(['INODES_LOW', 'DAEMON_NOT_RUNNING']);
  execFileSync('mount', ['-o', 'remount,nr_inodes=500', join(bus.folder, 'data')]);
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['INODES_FULL', 'DAEMON_NOT_RUNNING'] });
  for (const command of commandsIn(the('INODES_FULL').cure)) await follow(bus, command);
  execFileSync('mount', ['-o', 'remount,nr_inodes=100000', join(bus.folder, 'data')]);
  expect((await doctor(bus)).codes).toEqual(['DAEMON_NOT_RUNNING']);
});

test('every mistake of a configuration is found at once, with what was probably meant', async () => {
  const bus = makeTestBus();
  writeFileSync(bus.configPath, JSON.stringify({ bus_rot: 'x', export: { enabld: true }, poll_interval_s: -1 }));
  const { code, codes, report } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['CONFIG_INVALID', 'CONFIG_INVALID', 'CONFIG_INVALID'] });
  const said = report.findings.map(({ what }) => what).join('\n');
  expect(said).toContain('Did you mean bus_root?');
  expect(said).toContain('Did you mean enabled?');
  expect(said).toContain('poll_interval_s');
  writeFileSync(bus.configPath, JSON.stringify({ bus_root: 'data/a*b' }));
  expect((await doctor(bus)).codes).toEqual(['BUS_ROOT_INVALID']);
  rmSync(bus.configPath);
  expect((await doctor(bus)).codes).toEqual(['CONFIG_NOT_FOUND']);
  writeFileSync(bus.configPath, '{}');
  expect((await doctor(bus)).codes).toEqual(['BUS_NOT_STARTED']);
});

test('without a file the defaults hold; a QUANTBOT_BUS_ROOT that leads elsewhere is found', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const run = async (env: NodeJS.ProcessEnv) => {
    const child = startChild(process.execPath, [cliPath, 'doctor', '--json'], bus.folder, env);
    const { code } = await child.ended;
    return examination(JSON.parse(child.stdout()), code);
  };
  const elsewhere = await run({ QUANTBOT_BUS_ROOT: '/somewhere/else' });
  expect(elsewhere.codes).toEqual(['PRODUCERS_ELSEWHERE', 'DAEMON_NOT_RUNNING']);
  const [, command = ''] = commandsIn(elsewhere.the('PRODUCERS_ELSEWHERE').cure);
  const [, value] = /^export QUANTBOT_BUS_ROOT=(.*)$/.exec(command) ?? [];
  expect((await run({ QUANTBOT_BUS_ROOT: value })).codes).toEqual(['DAEMON_NOT_RUNNING']);
  expect(elsewhere.the('DAEMON_NOT_RUNNING').cure).toBe('`quantbot-bus start`');
});

test('a doctor that cannot run at all exits with 1', async () => {
  const bus = makeTestBus();
  const child = startChild(process.execPath, [cliPath, 'doctor', '--no-such-option'], bus.folder);
  expect(await child.ended).toMatchObject({ code: 1 });
});
