import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runIn } from '../../test/support/database.js';
import { temporaryFolder } from '../../test/support/folder.js';
import { openDuckDb } from '../open-duckdb.js';
import { makeOwnFolder, makeSpillFolder, nextSpillPath } from './spill-folder.js';

function inTemporaryFolder(): string {
  const folder = temporaryFolder();
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  return folder;
}

test('what a process that was killed has spilled is removed by the next one, and nothing else', () => {
  const folder = inTemporaryFolder();
  const living = makeSpillFolder();
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  const dead = living.path.replace(`-${process.pid}-`, `-${pid}-`);
  const elsewhere = dead.replace(/spill-\d+-/, 'spill-1-'); // from another container
  for (const path of [dead, elsewhere, join(folder, 'quantbot-spill-mine')]) mkdirSync(path);
  writeFileSync(join(dead, 'duckdb_temp_storage-0.tmp'), 'x');
  const next = makeSpillFolder();
  expect(existsSync(dead)).toBe(false);
  for (const path of [living.path, next.path, elsewhere]) expect(existsSync(path), path).toBe(true);
  for (const { remove } of [living, next]) remove();
  expect(readdirSync(folder).sort()).toEqual(['quantbot-spill-mine', elsewhere.split('/').at(-1)].sort());
});

test('a folder of another kind, or in another place, is left alone', () => {
  const other = temporaryFolder();
  const folder = inTemporaryFolder();
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  const deadOf = (path: string) => path.replace(`-${process.pid}-`, `-${pid}-`);
  const own = makeOwnFolder('work', other);
  for (const path of [deadOf(own.path), join(folder, basename(deadOf(own.path)))]) mkdirSync(path);
  makeSpillFolder().remove();
  expect(readdirSync(other)).toHaveLength(2);
  makeOwnFolder('work', other).remove();
  expect([readdirSync(other), readdirSync(folder).length]).toEqual([[basename(own.path)], 1]);
});

test('others cannot look into it', () => {
  inTemporaryFolder();
  expect(statSync(makeSpillFolder().path).mode & 0o777).toBe(0o700);
});

test('a reader spills into such a folder, each database into one of its own, and not beside the database', async () => {
  inTemporaryFolder();
  const path = join(temporaryFolder(), 'a.duckdb');
  await runIn(path, 'CREATE TABLE t (n INT)');
  await using db = await openDuckDb(path);
  const [row] = await db.query("SELECT current_setting('temp_directory') AS path");
  expect(dirname(row?.path as string)).toBe(dirname(nextSpillPath()));
  expect(row?.path).not.toBe(nextSpillPath());
  expect(basename(dirname(nextSpillPath()))).toMatch(/^quantbot-spill-/);
});
