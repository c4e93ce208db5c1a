import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { examine } from '@quantbot/bus-care/doctor';
import { verifyStore } from '@quantbot/bus-care/verify';
import { seqName } from '@quantbot/bus-format/journal';
import { acquireWriterLock } from '@quantbot/bus-format/state';
import { flipBit } from '@quantbot/tooling-testing/rot';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished, test } from 'vitest';
import { compactor, makeCommits } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { queryPublished } from '../../test/support/published.js';
import type { Bus } from './bus.js';
import { compactHot, mergeTiers } from './compaction/compact.js';
import { incompleteTables, mendTables, rebuildTable } from './compaction/rebuild-tables.js';
import type { GoldenExport } from './exports/golden-export.js';
import { GoldenExports } from './exports/golden-exports.js';
import { writeExportFile } from './exports/write-file.js';
import { Publisher } from './publish/publisher.js';
import { releaseUnused } from './publish/release.js';
import { snapshotOf } from './publish/snapshot.js';

async function compactedBus(commits = 2) {
  const opened = await openInProcess({ compaction: { release_grace_s: 0 } });
  const publisher = new Publisher(opened.bus);
  await makeCommits(opened.bus, opened.test, commits);
  await compactHot(opened.bus, compactor);
  await publisher.publishOrThrow();
  const { layout } = opened.bus;
  const tableFiles = () => readdirSync(join(layout.canon, 'numbers')).map(name => join(layout.canon, 'numbers', name));
  const stored = () => join(layout.root, 'store', ...storedPath(layout.store));
  return { ...opened, publisher, tableFiles, stored };
}

function storedPath(store: string): string[] {
  const path = readdirSync(store, { recursive: true, encoding: 'utf8' })
    .sort()
    .find(name => name.endsWith('.parquet'));
  return [path as string];
}

const problemsOf = async (bus: { config: Parameters<typeof verifyStore>[0] }) =>
  (await verifyStore(bus.config)).problems.map(({ code, what }) => `${code} ${what}`);

test('a compaction makes nothing of a stored file that has rotted, and names its artifact', async () => {
  const { bus, test: testBus, tableFiles } = await compactedBus();
  await makeCommits(bus, testBus, 1);
  const hot = join(bus.layout.hot, seqName(3));
  const file = readdirSync(hot).find(name => name.startsWith('numbers~')) as string;
  const [row] = await bus.journal.ingestedBetween(2, 3);
  flipBit(join(hot, file));
  await expect(compactHot(bus, compactor)).rejects.toMatchObject({
    code: 'FILE_DAMAGED',
    message: expect.stringContaining(row?.artifact_key as string),
  });
  expect(tableFiles()).toHaveLength(1);
  expect(bus.journal.compactedSeq).toBe(2);
});

test('a table with a damaged stored file waits, with all of its rows; every other table and the journal are compacted', async () => {
  const { bus, test: testBus, publisher, advance } = await compactedBus();
  const rowsOf = async () => {
    await publisher.publishOrThrow();
    const counts = ['numbers', 'others'].map(table => `(SELECT count(*) FROM canon.${table}) AS ${table}`);
    return (
      await queryPublished(testBus, `SELECT ${counts.join(', ')}, (SELECT max(_seq) FROM canon.numbers) AS seq`)
    )[0];
  };
  await makeCommits(bus, testBus, 2);
  await makeCommits(bus, testBus, 1, 'canon.others');
  const [row] = await bus.journal.ingestedBetween(2, 3);
  const stored = join(bus.layout.root, row?.rel_path as string);
  const good = readFileSync(stored);
  flipBit(stored);
  const told: string[] = [];
  const onDamage = (error: Error, table: string) => void told.push(`${table}: ${error.message}`);
  expect(await compactHot(bus, compactor, { onDamage })).toBe(true);
  expect(told).toEqual([expect.stringContaining(`numbers: artifact ${row?.artifact_key}: `)]);
  expect(bus.journal.compactedSeq).toBe(5);
  expect(await rowsOf()).toEqual({ numbers: 12, others: 3, seq: 4 });

  await makeCommits(bus, testBus, 1);
  await compactHot(bus, compactor, { onDamage, skip: new Set(['numbers']) });
  expect(await rowsOf()).toEqual({ numbers: 15, others: 3, seq: 6 });
  advance(Date.now());
  await releaseUnused(bus, []);
  expect(await incompleteTables(bus)).toEqual([]);
  expect(readdirSync(bus.layout.hot).map(Number)).toEqual([0, 3, 4, 5, 6]);
  expect(await rowsOf()).toEqual({ numbers: 15, others: 3, seq: 6 });
  const before = await exportNumbers(bus);
  expect(before).toEqual({ code: 'FILE_DAMAGED' });

  rmSync(stored);
  writeFileSync(stored, good, { mode: 0o444 });
  expect(await compactHot(bus, compactor, { onDamage })).toBe(true);
  expect(told).toHaveLength(1);
  expect(await compactHot(bus, compactor)).toBe(false);
  expect(await rowsOf()).toEqual({ numbers: 15, others: 3, seq: 6 });
  await releaseUnused(bus, []);
  expect(readdirSync(bus.layout.hot).map(Number)).toEqual([0]);
  expect(await exportNumbers(bus)).toEqual({ rows: 15 });
  expect(await problemsOf(bus)).toEqual([]);
});

test('an export is not written from a commit that has rotted, and others do not read that commit', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 1);
  await makeCommits(bus, testBus, 1, 'canon.others');
  const commit = join(bus.layout.hot, seqName(2), 'commit.parquet');
  // DuckDB can still read it.
  flipBit(commit, readFileSync(commit).indexOf('quantbot.sha256') + 'quantbot.sha256'.length + 10);
  expect(await exportNumbers(bus)).toEqual({ rows: 3 });
  expect(await exportNumbers(bus, 'others')).toEqual({ code: 'FILE_DAMAGED' });
});

/**
 * Writes the input of an export of the table, and returns its number of rows or the reason of a
 * failure.
 */
async function exportNumbers(bus: Bus, table = 'numbers') {
  const exports = new GoldenExports(bus, compactor.worker);
  const item = (await exports.all()).find(({ name }) => name === table) as GoldenExport;
  return writeExportFile({ bus, writer: compactor, snapshot: await snapshotOf(bus) }, item).then(
    ({ rows }) => ({ rows }),
    ({ code }) => ({ code }),
  );
}

test('a rebuild leaves a good compacted file alone when the stored file has rotted', async () => {
  const { bus, tableFiles, stored } = await compactedBus();
  const good = tableFiles().map(path => readFileSync(path));
  flipBit(stored());
  const [table] = bus.tables.tables();
  await expect(rebuildTable(bus, compactor, table as NonNullable<typeof table>)).rejects.toMatchObject({
    code: 'FILE_DAMAGED',
  });
  expect(tableFiles().map(path => readFileSync(path))).toEqual(good);
});

test('verify names a compacted file that has rotted, no merge reads it, and its table is made again from the store', async () => {
  const { bus, test: testBus, publisher, tableFiles } = await compactedBus();
  // A merge of a table that shows every row takes four files.
  for (let more = 0; more < 3; more++) {
    await makeCommits(bus, testBus, 2);
    await compactHot(bus, compactor);
  }
  const rows = await queryNumbers(testBus, publisher);
  const [hurt] = tableFiles();
  flipBit(hurt as string, 6);
  expect(await problemsOf(bus)).toContain(`TABLE_DAMAGED canon/numbers/${(hurt as string).split('/').at(-1)}`);
  await expect(mergeTiers(bus, compactor)).rejects.toMatchObject({ code: 'FILE_DAMAGED' });
  expect(await mendTables(bus, compactor)).toEqual(['numbers']);
  expect(await queryNumbers(testBus, publisher)).toEqual(rows);
  expect(await mendTables(bus, compactor)).toEqual([]);
});

async function queryNumbers(testBus: TestBus, publisher: Publisher) {
  await publisher.publishOrThrow();
  return queryPublished(testBus, 'SELECT * FROM canon.numbers ORDER BY ALL');
}

test('doctor takes no table that a daemon is rebuilding for one with a damaged file', async () => {
  const { bus, test: testBus, tableFiles } = await compactedBus();
  const tablesThatWait = async () =>
    (await examine({ config: testBus.configPath })).findings.filter(({ code }) => code === 'TABLE_WAITS').length;
  for (const path of tableFiles()) rmSync(path);
  expect(await tablesThatWait()).toBe(1);
  const lock = await acquireWriterLock(bus.config);
  onTestFinished(() => lock.release());
  expect(await tablesThatWait()).toBe(0);
});

test('verify names a commit that has rotted', async () => {
  const { bus, test: testBus } = await compactedBus();
  await makeCommits(bus, testBus, 1);
  flipBit(join(bus.layout.hot, seqName(3), 'commit.parquet'));
  expect(await problemsOf(bus)).toContain(`JOURNAL_DAMAGED journal/hot/${seqName(3)}/commit.parquet`);
});

test('a published database that has rotted is found and published again', async () => {
  const { bus, test: testBus, publisher, advance } = await compactedBus();
  await publisher.publishIfMissing();
  const { ino } = statSync(bus.config.duckdbPath);
  flipBit(bus.config.duckdbPath, 100); // DuckDB cannot even open it
  expect(await problemsOf(bus)).toEqual([`DATABASE_DAMAGED ${bus.config.duckdbPath}`]);
  const { findings } = await examine({ config: testBus.configPath });
  expect(findings).toContainEqual(
    expect.objectContaining({ code: 'FILE_DAMAGED', cure: expect.stringContaining('quantbot-bus start') }),
  );
  expect(findings.filter(({ code }) => code === 'CHECK_FAILED')).toEqual([]);
  advance(60_000);
  await publisher.publishIfMissing();
  expect(statSync(bus.config.duckdbPath).ino).not.toBe(ino);
  expect(await problemsOf(bus)).toEqual([]);
  advance(60_000);
  expect(await releaseUnused(bus, [])).toEqual([]); // no reader holds the damaged one
  expect(readdirSync(bus.layout.published).filter(name => name.endsWith('.duckdb'))).toHaveLength(1);
});

test('a database of this bus that was hurt and touched is still replaced', async () => {
  const { bus, publisher } = await compactedBus();
  const bytes = readFileSync(bus.config.duckdbPath);
  bytes[5000] = (bytes[5000] as number) ^ 1;
  chmodSync(bus.config.duckdbPath, 0o644);
  writeFileSync(bus.config.duckdbPath, bytes, { flag: 'r+' });
  await publisher.publishOrThrow();
  expect(await problemsOf(bus)).toEqual([]);
});

test('a published record that has rotted keeps nothing from being published, and goes with its database', async () => {
  const { bus, test: testBus, publisher, advance } = await compactedBus();
  const records = () => readdirSync(bus.layout.published).filter(name => name.endsWith('.json'));
  const [record] = records();
  flipBit(join(bus.layout.published, record as string), 30);
  expect(await problemsOf(bus)).toEqual([`RECORD_DAMAGED published/${record}`]);
  await publisher.publishIfMissing();
  await makeCommits(bus, testBus, 1, 'canon.others');
  await publisher.publishNewTables();
  expect(await queryPublished(testBus, 'SELECT count(*) AS n FROM canon.others')).toEqual([{ n: 3 }]);
  await makeCommits(bus, testBus, 1);
  await compactHot(bus, compactor);
  await publisher.publishOrThrow();
  advance(Date.now());
  await releaseUnused(bus, []);
  expect(records()).toHaveLength(1);
  expect(await problemsOf(bus)).toEqual([]);
});
