import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, spawnDaemon } from '../support/daemon-process.js';
import { commandsIn, doctor, follow, followAll } from '../support/doctor.js';

const statusPath = (bus: TestBus) => join(bus.config.export.exportDir, '_export_status.json');
const statusOf = (bus: TestBus) => JSON.parse(readFileSync(statusPath(bus), 'utf8')).exports;
const configure = (bus: TestBus, settings: object) =>
  writeFileSync(
    bus.configPath,
    JSON.stringify({ poll_interval_s: 0.2, export: { min_interval_s: 0, max_share: 1 }, ...settings }),
  );
const isGood = (bus: TestBus, name: string) =>
  eventually(
    () => statusOf(bus)[name],
    entry => entry?.ok === true,
  );

sampled('an export that reads a table which does not exist names it, and is good when the table has come', async () => {
  const jobs = [{ name: 'sums', sql: 'SELECT sum(n) AS total FROM canon.later' }];
  const bus = makeTestBus({ export: { jobs, min_interval_s: 0, max_share: 1 } });
  await spawnDaemon(bus);
  await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
  await eventually(
    () => statusOf(bus).sums?.ok,
    ok => ok === false,
  );
  await isGood(bus, 'numbers');
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['TABLE_MISSING', 'EXPORT_FAILED'] });
  expect(the('TABLE_MISSING').what).toMatch(/sums reads canon\.later, .* There is canon\.numbers\./);
  expect(the('EXPORT_FAILED').what).toMatch(/^The export sums failed .*later/);
  expect(the('TABLE_MISSING').cure).toMatch(/^Submit an artifact with the schema hint canon\.later/);
  await (await submit(bus, { schemaHint: 'canon.later' })).settled();
  await follow(bus, commandsIn(the('EXPORT_FAILED').cure).at(-1)); // quantbot-bus export sums
  expect(statusOf(bus).sums).toMatchObject({ ok: true, rows: 1 });
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('an export whose SQL is wrong is good after its correction and a restart', async () => {
  const bus = makeTestBus();
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  configure(bus, {
    export: { min_interval_s: 0, max_share: 1, jobs: [{ name: 'sums', sql: 'SELECT sum(m) FROM canon.numbers' }] },
  });
  await drain(bus);
  const { codes, the } = await doctor(bus);
  expect(codes).toEqual(['DAEMON_NOT_RUNNING', 'EXPORT_FAILED']);
  configure(bus, {
    export: { min_interval_s: 0, max_share: 1, jobs: [{ name: 'sums', sql: 'SELECT sum(n) AS n FROM canon.numbers' }] },
  });
  await follow(bus, commandsIn(the('EXPORT_FAILED').cure)[0]);
  await isGood(bus, 'sums');
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('settings for the export of a table that does not exist are found', async () => {
  const bus = makeTestBus({
    export: { min_interval_s: 0, max_share: 1, tables: { numbres: { compression: 'snappy' } } },
  });
  await spawnDaemon(bus);
  await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
  await isGood(bus, 'numbers');
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['TABLE_MISSING'] });
  expect(the('TABLE_MISSING').what).toMatch(/names numbres, .* There is canon\.numbers\./);
  configure(bus, { export: { min_interval_s: 0, max_share: 1, tables: { numbers: { compression: 'snappy' } } } });
  await followAll(bus, the('TABLE_MISSING').cure);
  await isGood(bus, 'numbers');
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled(
  'exports that are switched off are said to be; switched on they are out of date until a daemon has run',
  async () => {
    const bus = makeTestBus({ export: { enabled: false } });
    const daemon = await spawnDaemon(bus);
    await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
    const off = await doctor(bus);
    expect({ code: off.code, codes: off.codes }).toEqual({ code: 0, codes: ['EXPORTS_DISABLED'] });
    await daemon.stop();
    configure(bus, {});
    const { code, codes, the } = await doctor(bus);
    expect({ code, codes }).toEqual({ code: 2, codes: ['DAEMON_NOT_RUNNING', 'EXPORT_STALE'] });
    expect(the('EXPORT_STALE').what).toBe('The export numbers was never written, but its tables are at seq 1.');
    await followAll(bus, the('EXPORT_STALE').cure);
    await isGood(bus, 'numbers');
    expect((await doctor(bus)).codes).toEqual([]);
  },
);

sampled('an export that is older than its table is found when no daemon makes it anew', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const submitTwo = async () => {
    await submit(bus, { schemaHint: 'canon.numbers' });
    await drain(bus);
  };
  await submitTwo();
  const older = readFileSync(statusPath(bus));
  await submitTwo();
  expect((await doctor(bus)).codes).toEqual(['DAEMON_NOT_RUNNING']);
  writeFileSync(statusPath(bus), older); // as after a kill in the middle of the last run
  expect((await doctor(bus)).the('EXPORT_STALE').what).toContain('is at seq 1, but its tables are at seq 2');
  await spawnDaemon(bus);
  await eventually(
    () => statusOf(bus).numbers.as_of_seq,
    seq => seq === 2,
  );
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a golden export that somebody has deleted is missed, and comes back', async () => {
  const bus = makeTestBus();
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  await drain(bus);
  const path = join(bus.config.export.exportDir, 'numbers.parquet');
  rmSync(path);
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['DAEMON_NOT_RUNNING', 'EXPORT_GONE'] });
  await followAll(bus, the('EXPORT_GONE').cure);
  await eventually(
    () => existsSync(path),
    there => there,
  );
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a damaged status file is found, and made again', async () => {
  const bus = makeTestBus();
  const daemon = await spawnDaemon(bus);
  await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
  await isGood(bus, 'numbers');
  writeFileSync(statusPath(bus), '{"exports":{}}');
  await isGood(bus, 'numbers'); // a running daemon rewrites it
  await daemon.stop();
  writeFileSync(statusPath(bus), '{"exports":');
  const { code, codes, the } = await doctor(bus);
  expect(code).toBe(2);
  expect(codes).toContain('EXPORT_STATUS_UNREADABLE');
  await followAll(bus, the('EXPORT_STATUS_UNREADABLE').cure);
  await isGood(bus, 'numbers');
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled('a view of the configuration that cannot be made is found, and its correction is published', async () => {
  const view = (sql: string) => ({ publish: { views: [{ name: 'main.totals', sql }] } });
  const bus = makeTestBus(view('SELECT sum(n) FROM canon.nothing'));
  await spawnDaemon(bus);
  await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
  await isGood(bus, 'numbers');
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 0, codes: ['VIEW_FAILED'] });
  configure(bus, view('SELECT sum(n) AS total FROM canon.numbers'));
  await followAll(bus, the('VIEW_FAILED').cure);
  expect((await doctor(bus)).codes).toEqual([]);
});

test('SQL that cannot be parsed is found by the failure of its export, without guesses about its tables', async () => {
  const jobs = [{ name: 'nests', sql: `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}` }];
  const bus = makeTestBus({ export: { jobs, min_interval_s: 0, max_share: 1 } });
  await drain(bus);
  const { code, codes } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['DAEMON_NOT_RUNNING', 'EXPORT_FAILED'] });
});
