import { closeSync, copyFileSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  acquireWriterLock,
  backupGuardOf,
  type Guard,
  guardsOf,
  lockWork,
  lookAtGuard,
  tryGuard,
} from '@quantbot/bus-format/state';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished, test } from 'vitest';
import { locksOn } from './file-locks.js';

async function taken(): Promise<{ guard: Guard; path: string; building: string }> {
  const { layout } = makeTestBus();
  const path = join(layout.root, 'writer.guard');
  const guard = await tryGuard(path, layout.building);
  if (guard === undefined) throw new Error('The guard is free, and could not be taken.');
  onTestFinished(() => guard.release());
  return { guard, path, building: layout.building };
}

const whole: Record<string, string> = { emptied: '', text: 'no database at all, but with a lock in its text' };

/** Replaces the guard's content, cuts it, or changes one byte. */
function damage(path: string, how: string): void {
  const bytes = readFileSync(path);
  if (how in whole) writeFileSync(path, whole[how] as string);
  else if (how === 'cut off') writeFileSync(path, bytes.subarray(0, 5000));
  else writeFileSync(path, bytes.fill((bytes[Number(how)] as number) ^ 0xff, Number(how), Number(how) + 1));
}

test('a guard that is held is held, whoever looks', async () => {
  const { guard, path, building } = await taken();
  guard.assertHeld();
  expect(await tryGuard(path, building)).toBeUndefined();
  expect(await lookAtGuard(path)).toBe('held');
  guard.assertHeld(); // the look did not drop the lock
  guard.release();
  expect(await lookAtGuard(path)).toBe('free');
});

test('work that one process does at a time waits for a look at its guard', async () => {
  const { layout } = makeTestBus();
  const path = backupGuardOf(layout.root);
  const look = await tryGuard(path, layout.building);
  setTimeout(() => look?.release(), 150);
  const release = await lockWork(path, layout);
  expect(release).toBeDefined();
  release?.();
});

test.for(['0', '10', '4096', '5000', '8200', 'emptied', 'cut off', 'text'])(
  'a guard that is damaged (%s) is no other process, and is made again',
  async how => {
    const { guard, path, building } = await taken();
    guard.release();
    damage(path, how);
    const again = await tryGuard(path, building);
    again?.assertHeld();
    again?.release();
    expect(again).toBeDefined();
    expect(await lookAtGuard(path)).toBe('free');
  },
);

test('a look at a damaged guard tells it apart from one that is held', async () => {
  const { guard, path } = await taken();
  guard.release();
  damage(path, '5000');
  expect(await lookAtGuard(path)).toBe('damaged');
});

test.for(['removed', 'moved away', 'replaced by a copy'])('a guard that was %s is noticed', async how => {
  const { guard, path } = await taken();
  if (how === 'removed') rmSync(path);
  else renameSync(path, `${path}.away`);
  if (how === 'replaced by a copy') copyFileSync(`${path}.away`, path);
  expect(() => guard.assertHeld()).toThrow(expect.objectContaining({ code: 'BUS_REMOVED' }));
  if (how !== 'moved away') return;
  renameSync(`${path}.away`, path);
  guard.assertHeld();
});

test('a lock that the process has dropped itself is noticed', async () => {
  const { guard, path } = await taken();
  if (locksOn(path) === undefined) return; // this system does not show locks
  closeSync(openSync(path, 'r')); // POSIX: this drops all locks of the process on the file
  expect(() => guard.assertHeld()).toThrow(expect.objectContaining({ code: 'LOCK_LOST' }));
});

test('nobody but the owner may open a guard, and so lock it', async () => {
  const { path } = await taken();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a bus whose folders were replaced is noticed by its writer', async () => {
  const { config, layout } = makeTestBus();
  const lock = await acquireWriterLock(config);
  onTestFinished(() => lock.release());
  lock.assertHeld();
  const [, database] = guardsOf(config);
  renameSync(database, `${database}.away`);
  expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'BUS_REMOVED' }));
  renameSync(`${database}.away`, database);
  lock.assertHeld();
  renameSync(layout.root, `${layout.root}.away`);
  expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'BUS_REMOVED' }));
});

test('a check before each commit costs next to nothing', async () => {
  const { config } = makeTestBus();
  const lock = await acquireWriterLock(config);
  onTestFinished(() => lock.release());
  const started = process.cpuUsage();
  for (let i = 0; i < 1000; i++) lock.assertHeld();
  const { user, system } = process.cpuUsage(started);
  expect(user + system).toBeLessThan(2_000_000); // microseconds
});
