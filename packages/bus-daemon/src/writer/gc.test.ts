import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectGarbage } from '@quantbot/bus-care/gc';
import { readGcState } from '@quantbot/bus-format/state';
import type { BusEvents } from '@quantbot/bus-http';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { expect, onTestFinished, test } from 'vitest';
import { claimedNumbers } from '../../test/support/commits.js';
import { openInProcess, packageFolder } from '../../test/support/in-process-bus.js';
import { collectInBackground } from '../onlookers/gc/collector.js';
import { commit, writeCommit } from './stages/commit.js';
import { decide } from './stages/decide.js';
import { settle } from './stages/settle.js';
import { store } from './stages/store.js';
import { verify } from './stages/verify.js';

const forEver = Number.POSITIVE_INFINITY;
const all = { keepSettledMs: forEver, keepRejectedMs: forEver, keepUnfinishedMs: -1, apply: true };

test('what a job in work has stored is no garbage, however young it may be; an orphan beside it is', async () => {
  const { bus, test: testBus } = await openInProcess();
  const orphan = join(bus.layout.store, 'p/k/r@orphan.parquet');
  mkdirSync(dirname(orphan), { recursive: true });
  writeFileSync(orphan, 'x');
  const stored = await store(bus, await decide(bus, await verify(bus, [await claimedNumbers(bus, testBus)])));
  const collecting = collectGarbage(testBus.config, all);
  await sleep(300);
  await settle(bus, await commit(bus, stored, await writeCommit(bus, stored)));
  expect(await collecting).toEqual([{ kind: 'orphan', path: orphan, bytes: 1 }]);
  expect(existsSync(orphan)).toBe(false);
  const [job] = stored.jobs;
  const relPath = job !== undefined && 'artifacts' in job ? job.artifacts[0]?.relPath : undefined;
  expect(existsSync(join(bus.layout.root, String(relPath)))).toBe(true);
});

sampled('the daemon removes what is old in the background, again and again, and tells what it freed', async () => {
  const { bus } = await openInProcess({ gc: { keep: 2, keep_unfinished: 0.001 } });
  const told: BusEvents['collected'][] = [];
  bus.events.on('collected', about => void told.push(about));
  const abandon = (name: string) => {
    mkdirSync(join(bus.layout.root, name));
    writeFileSync(join(bus.layout.root, name, 'part'), 'x'.repeat(700));
    renameSync(join(bus.layout.root, name), join(bus.layout.staging, name)); // whole, because it may go at once
  };
  const rejected = join(bus.layout.rejected, 'bad');
  mkdirSync(rejected);
  abandon('first');
  const gc = async () => readGcState(bus.layout.root);
  const visible = { ...bus, cluster: undefined, gc, now: Date.now };
  const collector = collectInBackground(visible, 1000, join(packageFolder, 'dist/gc.js'));
  onTestFinished(() => collector.close());
  const removed = () => told.reduce((sum, about) => sum + (about.removed.staging ?? 0), 0);
  await eventually(removed, count => count === 1);
  abandon('second');
  await eventually(removed, count => count === 2);
  expect(readdirSync(bus.layout.staging)).toEqual([]);
  expect(told.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(1400);
  expect(readGcState(bus.layout.root)?.total_bytes).toBe(1400);
  expect(existsSync(rejected)).toBe(true); // its files may be the only copies
});

test('rejected jobs go by an age of their own', async () => {
  const { bus, test: testBus } = await openInProcess();
  const path = join(bus.layout.rejected, 'bad');
  mkdirSync(path);
  expect(await collectGarbage(testBus.config, { ...all, keepSettledMs: -1 })).toEqual([]);
  expect(await collectGarbage(testBus.config, { ...all, keepRejectedMs: -1 })).toMatchObject([{ path }]);
  expect(existsSync(path)).toBe(false);
});

test('a job is not abandoned while its producer changes a file in it', async () => {
  const { bus, test: testBus } = await openInProcess();
  const path = join(bus.layout.staging, 'slow');
  mkdirSync(path);
  const write = () => writeFileSync(join(path, 'part'), 'x', { flag: 'a' });
  const collect = () => collectGarbage(testBus.config, { ...all, keepUnfinishedMs: 1500, apply: false });
  write();
  const writing = setInterval(write, 20);
  await sleep(2000);
  expect(await collect()).toEqual([]);
  clearInterval(writing);
  await eventually(collect, items => items.length === 1);
});

test('bytes that another name still holds are not freed, and links are not followed', async () => {
  const { bus, test: testBus } = await openInProcess();
  const half = join(bus.layout.staging, 'half');
  mkdirSync(join(half, 'inner'), { recursive: true });
  writeFileSync(join(testBus.folder, 'kept'), 'x'.repeat(5000));
  linkSync(join(testBus.folder, 'kept'), join(half, 'linked'));
  symlinkSync(testBus.folder, join(half, 'away'));
  writeFileSync(join(half, 'inner/own'), 'x'.repeat(300));
  const [item] = await collectGarbage(testBus.config, { ...all, apply: false });
  const link = testBus.folder.length; // the size of a symbolic link
  expect(item).toEqual({ kind: 'staging', path: half, bytes: 300 + link });
});
