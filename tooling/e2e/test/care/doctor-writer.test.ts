import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { stateFileOf } from '@quantbot/bus-format/state';
import { registeredCodes } from '@quantbot/infra/bus';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { launchDaemon, quantbotBus, spawnDaemon } from '../support/daemon-process.js';
import { commandsIn, doctor, follow, followAll } from '../support/doctor.js';

const lockFile = (bus: { config: { duckdbPath: string } }) => `${bus.config.duckdbPath}.writer.lock`;

test('a bus that works is well in every respect, and doctor leaves it so', async () => {
  const bus = makeTestBus();
  const daemon = await spawnDaemon(bus);
  await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
  const { code, codes, report } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 0, codes: [] });
  expect(report).toMatchObject({ problems: 0, warnings: 0, configPath: bus.configPath, busRoot: bus.layout.root });
  const codesOfDoctor = Object.values(registeredCodes().get('doctor') as Record<string, { check: string }>);
  const checks = new Set(codesOfDoctor.map(({ check }) => check).filter(check => check !== 'doctor'));
  expect(checks.size).toBeGreaterThan(10);
  expect(report.findings.map(({ check }) => check).sort()).toEqual([...checks].sort());
  const { stdout, code: textCode } = await quantbotBus(bus, 'doctor');
  expect({ textCode, last: stdout.trim().split('\n').at(-1) }).toEqual({ textCode: 0, last: 'all is well' });
  expect(stdout.trim().split('\n')).toHaveLength(report.findings.length + 1);
  expect((await (await submit(bus)).settled()).status).toBe('ingested');
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  expect(existsSync(stateFileOf(bus.layout.root))).toBe(false);
});

test('where no daemon has ever run doctor says to start one, and makes nothing', async () => {
  const bus = makeTestBus();
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 0, codes: ['BUS_NOT_STARTED'] });
  expect(existsSync(join(bus.folder, 'data'))).toBe(false);
  await followAll(bus, the('BUS_NOT_STARTED').cure);
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('the lock file of a killed daemon is told to be harmless, and the next daemon replaces it', async () => {
  const bus = makeTestBus();
  const killed = await spawnDaemon(bus);
  await killed.stop('SIGKILL');
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 0, codes: ['DAEMON_NOT_RUNNING', 'STALE_LOCK_FILE'] });
  expect(the('STALE_LOCK_FILE').what).toMatch(new RegExp(`process ${killed.pid} since .* no harm`));
  await followAll(bus, the('DAEMON_NOT_RUNNING').cure);
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a lock file that names a process which is not the writer, or nobody, is stale', async () => {
  const bus = makeTestBus();
  const daemon = await spawnDaemon(bus);
  const truth = JSON.parse(readFileSync(lockFile(bus), 'utf8'));
  writeFileSync(lockFile(bus), JSON.stringify({ ...truth, pid: process.pid }));
  expect((await doctor(bus)).codes).toEqual(['STALE_LOCK_FILE']);
  writeFileSync(lockFile(bus), '{"pid":');
  expect((await doctor(bus)).the('STALE_LOCK_FILE').what).toContain('cannot be read');
  await daemon.stop('SIGKILL');
  await followAll(bus, (await doctor(bus)).the('STALE_LOCK_FILE').cure);
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a lock file of another machine cannot be judged from here, and says where to look', async () => {
  const bus = makeTestBus();
  await (await spawnDaemon(bus)).stop('SIGKILL');
  const truth = JSON.parse(readFileSync(lockFile(bus), 'utf8'));
  writeFileSync(lockFile(bus), JSON.stringify({ ...truth, host: `not-${hostname()}` }));
  const { codes, the } = await doctor(bus);
  expect(codes).toEqual(['WRITER_ELSEWHERE']);
  expect(the('WRITER_ELSEWHERE').cure).toContain(`not-${hostname()}`);
  await spawnDaemon(bus); // as the cure says, no file must be removed
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a second daemon that waits for the lock is found, and can be ended', async () => {
  const bus = makeTestBus({ lock_timeout_s: 60 });
  await spawnDaemon(bus);
  const second = launchDaemon(bus);
  await second.logged('bus daemon starting');
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 0, codes: ['SECOND_DAEMON'] });
  await follow(bus, commandsIn(the('SECOND_DAEMON').cure)[0]);
  expect(await second.ended).toMatchObject({ code: null, signal: 'SIGTERM' });
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a database that a daemon publishes from another bus is said to be taken, and by whom', async () => {
  const bus = makeTestBus();
  const other = testBusIn(bus.folder, { bus_root: 'data/other-bus' });
  const taker = await spawnDaemon(other);
  writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2 }));
  const { codes, the } = await doctor(bus);
  expect(codes).toContain('WRITER_OF_OTHER_BUS');
  expect(the('WRITER_OF_OTHER_BUS').what).toMatch(new RegExp(`process ${taker.pid} .*other-bus`));
  writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2, duckdb_path: 'data/own.duckdb' }));
  await spawnDaemon(bus);
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a daemon that was stopped by a signal is found, and goes on when it is told to', async () => {
  const bus = makeTestBus();
  const daemon = await spawnDaemon(bus);
  daemon.kill('SIGSTOP');
  const submission = await submit(bus);
  const job = join(bus.layout.inbox, submission.jobId);
  utimesSync(join(job, 'COMMIT'), new Date(0), new Date(0));
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['DAEMON_SUSPENDED', 'JOBS_NOT_TAKEN'] });
  expect(the('JOBS_NOT_TAKEN').what).toContain(submission.jobId);
  await follow(bus, commandsIn(the('DAEMON_SUSPENDED').cure)[0]);
  expect((await submission.settled()).status).toBe('ingested');
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a daemon that has not finished a turn for long is found, and a new one goes on', async () => {
  const bus = makeTestBus({ poll_interval_s: 3600 });
  const daemon = await spawnDaemon(bus);
  const path = stateFileOf(bus.layout.root);
  const state = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...state, at: new Date(Date.now() - 3_000_000).toISOString() }));
  expect((await doctor(bus)).codes).toEqual([]); // it may sleep as long as configured
  writeFileSync(path, JSON.stringify({ ...state, at: new Date(Date.now() - 7_200_000).toISOString() }));
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['DAEMON_SILENT'] });
  await followAll(bus, the('DAEMON_SILENT').cure);
  expect(await daemon.ended).toMatchObject({ signal: 'SIGKILL' });
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled(
  'a configuration that was changed under a running daemon is not what it works with, until it is restarted',
  async () => {
    const bus = makeTestBus();
    await spawnDaemon(bus);
    // Only a declaration with columns is a table before the first artifact.
    const tables = { declared: { columns: { n: { type: 'BIGINT' } } }, bare: { mode: 'latest' } };
    writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.3, canon: { tables } }));
    const { codes, the } = await doctor(bus);
    expect(codes).toEqual(['CONFIG_CHANGED', 'TABLE_MISSING']);
    expect(the('TABLE_MISSING').what).toContain('canon.declared');
    await followAll(bus, the('CONFIG_CHANGED').cure);
    await eventually(
      async () => (await doctor(bus)).codes,
      codes => codes.length === 0, // the exports come after the start
    );
  },
);
