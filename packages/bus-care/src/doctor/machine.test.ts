import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, onTestFinished, test } from 'vitest';
import { isTooOld } from './checks/versions.js';
import { isWriting, locksOn } from './file-locks.js';
import { mountOf, nearestExisting, sharedFileSystem } from './mounts.js';
import { isSuspended, nameOf } from './processes.js';
import { duration, many, shellWord } from './words.js';

test.each([
  ['18.20.4', true],
  ['20.18.3', true],
  ['20.19.0', false],
  ['20.20.2', false],
  ['22.0.0', false],
  ['24.1.0', false],
])('Node.js %s is too old: %s', (version, expected) => {
  expect(isTooOld(version)).toBe(expected);
});

test('file systems of other machines and programs are known by their numbers, also where these are negative', () => {
  expect(sharedFileSystem(0x6969)).toBe('NFS');
  expect(sharedFileSystem(0xff534d42)).toBe('SMB');
  expect(sharedFileSystem(0xff534d42 | 0)).toBe('SMB');
  expect(sharedFileSystem(0xef53)).toBeUndefined(); // ext4
});

test('the process that holds a lock on a file is seen without opening the file, and no other file is taken for it', async () => {
  const folder = temporaryFolder();
  const [path, other] = [join(folder, 'held.duckdb'), join(folder, 'other.duckdb')];
  (await DuckDBInstance.create(other)).closeSync();
  expect(locksOn(join(folder, 'nothing'))).toEqual([]);
  const instance = await DuckDBInstance.create(path);
  expect(locksOn(path)).toEqual([{ pid: process.pid, mode: 'WRITE' }]);
  expect(locksOn(other)).toEqual([]);
  expect(isWriting(process.pid)).toBe(true);
  instance.closeSync();
  expect(locksOn(path)).toEqual([]);
  const reader = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  expect(locksOn(path)).toEqual([{ pid: process.pid, mode: 'READ' }]);
  expect(isWriting(process.pid)).toBe(false);
  reader.closeSync();
});

test('a process is known by its name, and whether it is suspended', async () => {
  const child = spawn('sleep', ['1000']);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child, 'spawn');
  const pid = child.pid ?? -1;
  expect(nameOf(pid)).toBe('sleep 1000');
  expect(isSuspended(pid)).toBe(false);
  child.kill('SIGSTOP');
  await expect.poll(() => isSuspended(pid)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(nameOf(pid)).toBeUndefined();
});

test('paths on one mount are told from others, and what is not there yet by the folder above', () => {
  const folder = temporaryFolder();
  expect(mountOf(join(folder))).toBe(mountOf(join(folder, '..')));
  expect(mountOf('/proc')).not.toBe(mountOf(folder));
  expect(nearestExisting(join(folder, 'a/b/c'))).toBe(folder);
});

test('numbers are written as people say them', () => {
  expect([many(0, 'job'), many(1, 'job'), many(2, 'job')]).toEqual(['0 jobs', '1 job', '2 jobs']);
  expect([0, 999, 119_000, 120_000, 7_200_000, 172_800_000].map(duration)).toEqual([
    ...['0 seconds', '1 second', '119 seconds', '2 minutes', '2 hours', '2 days'],
  ]);
});

test('a path is one word of a shell, whatever is in it', () => {
  expect(shellWord('/srv/lab/data-1.duckdb')).toBe('/srv/lab/data-1.duckdb');
  expect(shellWord(`/srv/it's here`)).toBe(`'/srv/it'\\''s here'`);
  expect(shellWord('')).toBe(`''`);
});
