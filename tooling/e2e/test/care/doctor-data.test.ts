import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { examine } from '@quantbot/bus-care/doctor';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { startHoldingReader } from '@quantbot/tooling-testing/readers';
import { flipBit } from '@quantbot/tooling-testing/rot';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, startDaemon } from '../support/daemon-process.js';
import { commandsIn, doctor, examination, follow, followAll } from '../support/doctor.js';

const isThere = (path: string) =>
  eventually(
    () => existsSync(path),
    there => there,
  );

/** Runs statements in a database that is opened for writing, and closes it. */
async function write(path: string, ...statements: string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  for (const statement of statements) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
}

/** A bus with a job in a canonical table and no daemon. */
async function restingBus(): Promise<TestBus> {
  const bus = makeTestBus();
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  await drain(bus);
  return bus;
}

const resting = ['DAEMON_NOT_RUNNING'];

sampled('a database that somebody has deleted is missed, and the next daemon makes it again', async () => {
  const bus = await restingBus();
  rmSync(bus.config.duckdbPath);
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: [...resting, 'DATABASE_MISSING'] });
  await followAll(bus, the('DATABASE_MISSING').cure);
  expect((await doctor(bus)).codes).toEqual([]);
});

sampled(
  'a program that has the database open for writing is named, and readers come in again when it has ended',
  async () => {
    const bus = await restingBus();
    chmodSync(bus.config.duckdbPath, 0o644);
    const script = `
    const { DuckDBInstance } = await import(${JSON.stringify(import.meta.resolve('@duckdb/node-api'))});
    const instance = await DuckDBInstance.create(${JSON.stringify(bus.config.duckdbPath)});
    console.log('open');
    setInterval(() => instance, 1000);`;
    const child = startChild(process.execPath, ['--input-type=module', '-e', script], bus.folder);
    await eventually(child.stdout, text => text.includes('open'));
    const { code, codes, the } = await doctor(bus);
    expect({ code, codes }).toEqual({ code: 2, codes: [...resting, 'DATABASE_LOCKED'] });
    expect(the('DATABASE_LOCKED').what).toContain(`process ${child.pid} (`);
    await follow(bus, commandsIn(the('DATABASE_LOCKED').cure)[0]);
    expect((await doctor(bus)).codes).toEqual(resting);
  },
);

sampled(
  'a write-ahead log beside the database is found, and when both are moved aside the bus publishes its own',
  async () => {
    const bus = await restingBus();
    writeFileSync(`${bus.config.duckdbPath}.wal`, 'of another program');
    const { code, codes, the } = await doctor(bus);
    expect({ code, codes }).toEqual({ code: 2, codes: [...resting, 'DATABASE_WAL'] });
    for (const command of commandsIn(the('DATABASE_WAL').cure).filter(text => text.startsWith('mv ')))
      await follow(bus, command);
    expect(readFileSync(`${bus.config.duckdbPath}.before-bus.wal`, 'utf8')).toBe('of another program');
    await startDaemon(bus);
    expect((await doctor(bus)).codes).toEqual([]);
  },
);

sampled(
  'a database that the bus did not make is found beside a running daemon, which publishes when it is moved aside',
  async () => {
    const bus = makeTestBus();
    await drain(bus);
    rmSync(bus.config.duckdbPath);
    await write(bus.config.duckdbPath, 'CREATE TABLE trades AS SELECT 1 AS n');
    await startDaemon(bus);
    const { code, codes, the } = await doctor(bus);
    expect({ code, codes }).toEqual({ code: 2, codes: ['DATABASE_FOREIGN'] });
    const [adopt, move] = commandsIn(the('DATABASE_FOREIGN').cure);
    await follow(bus, adopt);
    await follow(bus, move);
    await isThere(bus.config.duckdbPath);
    expect((await doctor(bus)).codes).toEqual([]);
  },
);

sampled('a reader that has held a replaced database for days is named', async () => {
  const bus = await restingBus();
  const reader = await startHoldingReader(bus);
  await submit(bus, { schemaHint: 'canon.others' });
  await drain(bus); // a new table, so the daemon publishes again
  const in2Days = async () =>
    examination(await examine({ config: bus.configPath, env: {}, now: Date.now() + 2 * 86_400_000 }));
  expect((await doctor(bus)).codes).toEqual(resting);
  const { the } = await in2Days();
  expect(the('OLD_DATABASE_HELD').what).toMatch(/^Process \d+ \(.*holding-reader.* replaced 2 days ago/);
  await follow(bus, commandsIn(the('OLD_DATABASE_HELD').cure)[0]);
  expect((await in2Days()).codes).toEqual(resting);
  await reader.close();
});

sampled('a hole in the journal is found, and closed by what a backup has', async () => {
  const bus = await restingBus();
  await submit(bus);
  await drain(bus);
  const [first = ''] = readdirSync(bus.layout.hot).filter(name => Number(name) > 0);
  const backup = join(bus.folder, 'backup');
  renameSync(join(bus.layout.hot, first), backup);
  const { code, the } = await doctor(bus);
  expect(code).toBe(2);
  expect(the('JOURNAL_DAMAGED').what).toContain('lacks 1 of the jobs 1 to 2');
  renameSync(backup, join(bus.layout.hot, first));
  expect((await doctor(bus)).codes).toEqual(resting);
  const commit = join(bus.layout.hot, first, 'commit.parquet');
  copyFileSync(commit, backup);
  flipBit(commit);
  expect((await doctor(bus)).codes).toEqual([...resting, 'JOURNAL_DAMAGED']);
  rmSync(commit);
  writeFileSync(commit, 'torn');
  expect((await doctor(bus)).the('JOURNAL_DAMAGED').what).toContain('the checksum does not match');
  copyFileSync(backup, commit);
  rmSync(bus.layout.hot, { recursive: true });
  expect((await doctor(bus)).the('JOURNAL_DAMAGED').what).toContain('ENOENT');
});

sampled('a damaged marker is found, also without a backup of it', async () => {
  const bus = await restingBus();
  writeFileSync(bus.layout.marker, '{"bus":');
  const { code, codes, the } = await doctor(bus);
  expect({ code, codes }).toEqual({ code: 2, codes: ['MARKER_UNREADABLE'] });
  await followAll(bus, the('MARKER_UNREADABLE').cure);
  // The bus has another id now. The record identifies the database that the old one published.
  expect((await doctor(bus)).codes).toEqual([]);
});

test('a bus of a newer layout is left alone, with the advice to upgrade', async () => {
  const bus = await restingBus();
  const marker = JSON.parse(readFileSync(bus.layout.marker, 'utf8'));
  writeFileSync(bus.layout.marker, JSON.stringify({ ...marker, layout_version: 99 }));
  const { codes, the } = await doctor(bus);
  expect(codes).toEqual(['MARKER_UNREADABLE']);
  expect(the('MARKER_UNREADABLE')).toMatchObject({
    what: expect.stringContaining('layout 99'),
    cure: expect.stringContaining('Upgrade'),
  });
  writeFileSync(bus.layout.marker, JSON.stringify(marker));
  expect((await doctor(bus)).codes).toEqual(resting);
});

test.each(sampleOf(['inbox', 'staging', 'rejected', 'published'] as const, 1))(
  'a bus without %s is found, whatever other checks cannot be made',
  { tags: ['campaign'] },
  async folder => {
    const bus = makeTestBus();
    await startDaemon(bus);
    const path = bus.layout[folder];
    renameSync(path, `${path}-gone`);
    const { code, the, report } = await doctor(bus);
    expect(code).toBe(2);
    expect(report.findings.length).toBeGreaterThanOrEqual(16);
    await follow(bus, commandsIn(the('FOLDER_MISSING').cure)[0]);
    for (const name of readdirSync(`${path}-gone`)) renameSync(join(`${path}-gone`, name), join(path, name));
    await eventually(
      async () => (await doctor(bus)).codes,
      codes => codes.length === 0,
      60_000,
    );
  },
);

sampled(
  'a database that another version has published is found, and published again by the daemon that starts',
  async () => {
    const bus = await restingBus();
    const copy = join(bus.folder, 'copy.duckdb');
    copyFileSync(bus.config.duckdbPath, copy);
    chmodSync(copy, 0o644);
    await write(
      copy,
      `CREATE OR REPLACE VIEW catalog.bus_info AS SELECT * REPLACE ('99.0.0' AS daemon_version) FROM (${await definition(copy)})`,
    );
    renameSync(copy, bus.config.duckdbPath);
    const { code, codes, the } = await doctor(bus);
    expect({ code, codes }).toEqual({ code: 0, codes: [...resting.slice(0, 1), 'OTHER_VERSION'] });
    expect(the('OTHER_VERSION').what).toContain('99.0.0');
    await followAll(bus, the('OTHER_VERSION').cure);
    expect((await doctor(bus)).codes).toEqual([]);
  },
);

/** Returns the SELECT of a view. */
async function definition(path: string): Promise<string> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(
    `SELECT sql FROM duckdb_views() WHERE schema_name = 'catalog' AND view_name = 'bus_info'`,
  );
  connection.closeSync();
  instance.closeSync();
  return String(reader.getRowObjectsJson()[0]?.sql)
    .replace(/^.*? AS /s, '')
    .replace(/;\s*$/, '');
}
