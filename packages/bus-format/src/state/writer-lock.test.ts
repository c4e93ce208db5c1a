import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BusConfig } from '@quantbot/infra/config';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished, test } from 'vitest';
import { acquireWriterLock, lockFileOf, readLockHolder } from './writer-lock.js';

/** Acquires the lock, and releases it at the end of the test. */
async function acquire(config: BusConfig) {
  const lock = await acquireWriterLock(config);
  onTestFinished(() => lock.release());
  return lock;
}

const impatient = (config: BusConfig): BusConfig => ({ ...config, lockTimeoutMs: 300 });

test('the lock file tells who holds the lock, and is gone after the release', async () => {
  const { config } = makeTestBus();
  const lock = await acquire(config);
  const holder = await readLockHolder(config.duckdbPath);
  expect(holder).toMatchObject({ pid: process.pid, host: hostname(), bus_root: config.busRoot, alive: true });
  expect(Math.abs(Date.now() - Date.parse(holder?.since ?? ''))).toBeLessThan(60_000);
  expect(lockFileOf(config.duckdbPath)).toBe(`${config.duckdbPath}.writer.lock`);
  await lock.release();
  expect(existsSync(lockFileOf(config.duckdbPath))).toBe(false);
  expect(await readLockHolder(config.duckdbPath)).toBeUndefined();
});

test('a second one waits as long as it may, then fails and names the holder', async () => {
  const { config } = makeTestBus();
  await acquire(config);
  const { since } = (await readLockHolder(config.duckdbPath)) ?? {};
  const started = performance.now();
  const error = await acquireWriterLock(impatient(config)).catch(e => e);
  expect(performance.now() - started).toBeGreaterThanOrEqual(300);
  expect(error).toMatchObject({
    code: 'LOCK_TIMEOUT',
    message: `The bus is being written by process ${process.pid} on ${hostname()} since ${since}; waited 0.3 s.`,
    details: [`pid: ${process.pid}`, `host: ${hostname()}`, `since: ${since}`],
  });
  expect(error.hint).toContain('lock_timeout_s');
});

test('a second one that waits gets the lock as soon as the first lets go', async () => {
  const { config } = makeTestBus();
  const first = await acquire(config);
  let second = false;
  const waiting = acquire(config).then(() => {
    second = true;
  });
  await sleep(250);
  expect(second).toBe(false);
  await first.release();
  await waiting;
  expect((await readLockHolder(config.duckdbPath))?.alive).toBe(true);
});

test('two buses that publish to one path exclude each other, and so do two paths of one bus; neither keeps what it got half of', async () => {
  const { config } = makeTestBus();
  const otherRoot = { ...impatient(config), busRoot: `${config.busRoot}-2` };
  const otherPath = { ...impatient(config), duckdbPath: join(config.busRoot, '../other.duckdb') };
  const lock = await acquire(config);
  await expect(acquireWriterLock(otherRoot)).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
  await expect(acquireWriterLock(otherPath)).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
  await lock.release();
  await acquire(otherRoot); // the failed attempt released the guard of its own root
  await acquire(otherPath);
});

test('a lock file that a crash left keeps nobody out, whatever is in it', async () => {
  const { config } = makeTestBus();
  await (await acquire(config)).release();
  for (const text of ['', '{"pid": 1', JSON.stringify({ pid: 1, host: 'elsewhere', since: 'x', bus_root: '/x' })]) {
    writeFileSync(lockFileOf(config.duckdbPath), text);
    await (await acquire(impatient(config))).release();
  }
});

test('a holder that is gone is told apart from one that runs', async () => {
  const { config } = makeTestBus();
  await (await acquire(config)).release();
  const gone = { pid: 2 ** 22 + 1, host: hostname(), since: '2026-01-31T12:00:00Z', bus_root: config.busRoot };
  writeFileSync(lockFileOf(config.duckdbPath), JSON.stringify(gone));
  expect(await readLockHolder(config.duckdbPath)).toEqual({ ...gone, alive: false });
});

test('the guards are made once and stay; nothing is left of making them', async () => {
  const { config, layout } = makeTestBus();
  await (await acquire(config)).release();
  const guard = readFileSync(join(config.busRoot, 'writer.guard'));
  await (await acquire(config)).release();
  expect(readFileSync(join(config.busRoot, 'writer.guard')).equals(guard)).toBe(true);
  expect(readdirSync(layout.building)).toEqual([]);
  expect(readdirSync(join(config.busRoot, '..')).sort()).toEqual(['.alerts.duckdb.guard', 'bus']);
});
