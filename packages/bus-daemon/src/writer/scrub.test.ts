import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectGarbage } from '@quantbot/bus-care/gc';
import { forgetMended, paceOf, scrub } from '@quantbot/bus-care/scrub';
import { verifyStore } from '@quantbot/bus-care/verify';
import { seqName } from '@quantbot/bus-format/journal';
import {
  type FoundDamage,
  manifestOf,
  readExportStatus,
  readScrubState,
  scrubFileOf,
  writeExportStatus,
} from '@quantbot/bus-format/state';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { flipBit } from '@quantbot/tooling-testing/rot';
import { expect, onTestFinished, test } from 'vitest';
import { compactor, makeCommits } from '../../test/support/commits.js';
import { openInProcess, packageFolder } from '../../test/support/in-process-bus.js';
import { scrubInBackground } from '../onlookers/scrub/scrubber.js';
import type { Bus } from './bus.js';
import { compactHot } from './compaction/compact.js';
import { GoldenExports } from './exports/golden-exports.js';
import { writeDataset } from './exports/write-dataset.js';
import { writeExportFile } from './exports/write-file.js';
import { Publisher } from './publish/publisher.js';
import { snapshotOf } from './publish/snapshot.js';

/** A bus with a file of each kind that a scrub checks. */
async function fullBus(settings: Record<string, unknown> = {}) {
  const opened = await openInProcess(settings);
  const { bus, test: testBus } = opened;
  await makeCommits(bus, testBus, 2);
  await compactHot(bus, compactor);
  await makeCommits(bus, testBus, 2);
  await new Publisher(bus).publishOrThrow();
  return opened;
}

/** Writes the export of the table, and its status. */
async function exportNumbers(bus: Bus): Promise<void> {
  const item = only(await new GoldenExports(bus, compactor.worker).all());
  const write = item.options.layout === 'dataset' ? writeDataset : writeExportFile;
  const snapshot = await snapshotOf(bus);
  const written = await write({ bus, writer: compactor, snapshot }, item);
  const { exportDir } = bus.config.export;
  const status = await readExportStatus(exportDir);
  const rest = { path: item.path, definition: null, started_at: '', duration_ms: 1, error: null };
  status.exports[item.name] = { ok: true, as_of_seq: snapshot.seq, ...written, ...rest };
  writeExportStatus(exportDir, status);
}

const unbounded = { pace: async () => {} };
const only = <T>(list: readonly T[]): T => list[0] as T;

test('a scrub finds a damaged file of each kind, as verify does, and tells of each once', async () => {
  const { bus } = await fullBus();
  await exportNumbers(bus);
  const { layout, config } = bus;
  expect((await scrub(config, unbounded)).findings).toEqual([]);
  const rows = await bus.journal.ingestedBetween(0, 4);
  const hurt = [
    only(rows).rel_path as string,
    join('canon/numbers', only(readdirSync(join(layout.canon, 'numbers')))),
    join(config.export.exportDir, 'numbers.parquet'),
    config.duckdbPath,
  ];
  for (const path of hurt) flipBit(resolve(layout.root, path));
  flipBit(join(layout.published, only(readdirSync(layout.published).filter(name => name.endsWith('.json')))), 30);
  const told: string[] = [];
  const { findings } = await scrub(config, { ...unbounded, onFound: ({ what }) => told.push(what) });
  const found = findings.map(({ what }) => what);
  expect(told.sort()).toEqual(found.toSorted());
  // If the record is damaged too, the expected checksum of the database is unknown.
  for (const what of hurt.slice(0, 3)) expect(found).toContain(what);
  expect(found).toContainEqual(expect.stringMatching(/^published.*json$/));
  const { problems } = await verifyStore(config);
  expect(problems.map(({ what }) => what)).toEqual(
    expect.arrayContaining(found.filter(what => !what.startsWith('store/'))),
  );
  await scrub(config, { ...unbounded, onFound: () => expect.unreachable() });
});

test('a bit that flips in a commit or a segment is found, and nobody acts on the rows', async () => {
  const { bus } = await fullBus();
  const { layout, config } = bus;
  const forEver = Number.POSITIVE_INFINITY;
  const everything = { keepSettledMs: forEver, keepRejectedMs: forEver, keepUnfinishedMs: -1, apply: true };
  const stored = readdirSync(layout.store, { recursive: true });
  const files = [
    join('journal/segments', only(readdirSync(layout.segments))),
    join('journal/hot', seqName(3), 'commit.parquet'),
  ];
  for (const what of files) {
    const path = join(layout.root, what);
    const { size } = statSync(path);
    for (const at of [8, 40, size >> 2, size >> 1, size - 200, size - 6]) {
      flipBit(path, at);
      const { findings } = await scrub(config, unbounded);
      expect(findings, `bit ${at} of ${what}`).toMatchObject([{ code: 'JOURNAL_DAMAGED', what }]);
      await expect(collectGarbage(config, everything)).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
      flipBit(path, at);
    }
  }
  expect((await scrub(config, unbounded)).findings).toEqual([]);
  expect(await collectGarbage(config, everything)).toEqual([]);
  expect(readdirSync(layout.store, { recursive: true })).toEqual(stored);
});

test.each(['file', 'dataset'])(
  'a part of an export (%s) that was cut short is found; one that is newer than its record is sound',
  async layout => {
    const tables = { numbers: { layout } };
    const { bus, test: testBus } = await fullBus({ export: { tables } });
    await exportNumbers(bus);
    const path = join(bus.config.export.exportDir, layout === 'file' ? 'numbers.parquet' : 'numbers');
    const status = join(bus.config.export.exportDir, '_export_status.json');
    const records = layout === 'file' ? [status] : [status, manifestOf(path)];
    const part = layout === 'file' ? path : join(path, only(readdirSync(path)));
    const before = records.map(record => readFileSync(record));
    await makeCommits(bus, testBus, 1);
    const old = readFileSync(part);
    await exportNumbers(bus);
    const newer = readFileSync(part);
    expect(newer).not.toEqual(old);
    // An older version in its place, written later than its record.
    utimesSync(status, 1, 1);
    const asThatOfBefore = [{ code: 'EXPORT_DAMAGED', what: part }];
    writeFileSync(part, old);
    expect((await verifyStore(bus.config)).problems).toMatchObject(asThatOfBefore);
    expect((await scrub(bus.config, unbounded)).findings).toMatchObject(asThatOfBefore);
    writeFileSync(part, newer);
    expect((await verifyStore(bus.config)).problems).toEqual([]);
    // The state between the rename of the file and the write of its record, or after a crash there.
    for (const [index, record] of records.entries()) writeFileSync(record, before[index] as Buffer);
    utimesSync(status, 1, 1);
    expect((await verifyStore(bus.config)).problems).toEqual([]);
    const { exports, ...rest } = await readExportStatus(bus.config.export.exportDir);
    writeExportStatus(bus.config.export.exportDir, { ...rest, exports: { others: only(Object.values(exports)) } });
    utimesSync(status, 1, 1);
    // That of another export.
    expect((await verifyStore(bus.config)).problems).toMatchObject([{ code: 'EXPORT_DAMAGED', what: part }]);
    writeFileSync(status, before[0] as Buffer);
    utimesSync(status, 1, 1);
    utimesSync(part, 0, 0); // as if another sound file had been put in its place
    expect((await verifyStore(bus.config)).problems).toMatchObject([{ code: 'EXPORT_DAMAGED', what: part }]);
    utimesSync(part, 2, 2);
    truncateSync(part, old.length - 100);
    expect((await verifyStore(bus.config)).problems).toMatchObject([{ code: 'EXPORT_DAMAGED', what: part }]);
  },
);

test('a scrub that was killed goes on where it was, and knows what it had found', async () => {
  const { bus } = await fullBus();
  const { config, layout } = bus;
  const rows = await bus.journal.ingestedBetween(0, 4);
  flipBit(join(layout.root, only(rows).rel_path as string));
  const read: string[] = [];
  const killed = scrub(config, {
    ...unbounded,
    onProgress: ({ what = '' }) => {
      read.push(what);
      if (what === rows[1]?.rel_path) throw new Error('killed');
    },
  });
  await expect(killed).rejects.toThrow('killed');
  const place = readScrubState(layout.root);
  expect(place).toMatchObject({ ended_at: null, findings: [{ code: 'CHANGED', what: only(rows).rel_path }] });
  const resumed: string[] = [];
  const state = await scrub(config, { ...unbounded, onProgress: ({ what = '' }) => resumed.push(what) });
  expect(state.findings).toHaveLength(1);
  expect(read.length).toBeGreaterThan(3);
  // The place was saved with the finding, so only later files are read again.
  expect(resumed).toEqual(rows.slice(1).map(row => row.rel_path));
});

test('what was mended is forgotten at once, and what is not damaged any more is not told again', async () => {
  const { bus } = await fullBus();
  const [row] = await bus.journal.ingestedBetween(0, 4);
  const path = join(bus.layout.root, row?.rel_path as string);
  flipBit(path);
  expect((await scrub(bus.config, unbounded)).findings).toHaveLength(1);
  flipBit(path);
  const killed = scrub(bus.config, {
    ...unbounded,
    onProgress: () => {
      throw new Error('killed at the first file');
    },
  });
  await expect(killed).rejects.toThrow();
  expect(readScrubState(bus.layout.root)?.findings).toEqual([]);
});

test('a file that is whole again is no finding any more, without another scrub', async () => {
  const { bus } = await fullBus();
  const rows = await bus.journal.ingestedBetween(0, 2);
  const paths = rows.map(row => join(bus.layout.root, row.rel_path as string));
  for (const path of paths) flipBit(path);
  await scrub(bus.config, unbounded);
  const ended = readScrubState(bus.layout.root)?.ended_at;
  expect(await forgetMended(bus.config)).toEqual([]);
  await sleep(20);
  flipBit(paths[0] as string);
  rmSync(paths[1] as string);
  writeFileSync(paths[1] as string, 'other bytes');
  expect(await forgetMended(bus.config)).toEqual([rows[0]?.rel_path]);
  const state = readScrubState(bus.layout.root);
  expect(state).toMatchObject({ ended_at: ended, findings: [{ what: rows[1]?.rel_path }] });
  expect(await forgetMended(bus.config)).toEqual([]); // it has not changed since
});

test('a place that has rotted begins a new pass', async () => {
  const { bus } = await fullBus();
  const { files } = await scrub(bus.config, unbounded);
  const path = scrubFileOf(bus.layout.root);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"ended_at": "2', '"ended_at": "3'));
  expect(readScrubState(bus.layout.root)).toBeUndefined();
  expect((await scrub(bus.config, unbounded)).files).toBe(files);
});

test('no more is read in a second than the rate allows', async () => {
  const pace = paceOf(1_000_000);
  const started = performance.now();
  for (let n = 0; n < 10; n++) await pace(100_000);
  expect(performance.now() - started).toBeGreaterThan(700);
});

test('a daemon scrubs at its interval in a process of its own, and tells of what it finds; one at a time', async () => {
  const { bus } = await fullBus();
  const entry = join(packageFolder, 'dist/scrub.js');
  const found: FoundDamage[] = [];
  bus.events.on('damage', damage => void found.push(...damage));
  const state = async () => readScrubState(bus.layout.root);
  const visible = { ...bus, cluster: undefined, scrub: state, now: Date.now };
  const scrubber = scrubInBackground(visible, 200, entry);
  onTestFinished(() => scrubber.close());
  await eventually(() => readScrubState(bus.layout.root)?.last != null, Boolean);
  const [row] = await bus.journal.ingestedBetween(0, 4);
  flipBit(join(bus.layout.root, row?.rel_path as string));
  await eventually(
    () => found.map(({ what }) => what),
    whats => whats.length === 1,
  );
  expect(found).toEqual([expect.objectContaining({ code: 'CHANGED', what: row?.rel_path })]);
  await scrubber.close();
});

test('a scrub whose process is killed is resumed by the next one', async () => {
  const { bus } = await fullBus({ scrub: { interval: 1, mb_per_second: 0.02 } });
  const child = spawn(process.execPath, [join(packageFolder, 'dist/scrub.js')], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
  });
  child.send(bus.config);
  await eventually(() => existsSync(scrubFileOf(bus.layout.root)), Boolean);
  await expect(scrub(bus.config, unbounded)).rejects.toMatchObject({ code: 'SCRUB_BUSY' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  await sleep(50);
  expect(readScrubState(bus.layout.root)).toMatchObject({ ended_at: null });
  expect(await scrub(bus.config, unbounded)).toMatchObject({ findings: [] });
});
