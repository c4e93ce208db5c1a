import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { temporaryFolder } from '../../test/support/folder.js';
import { makeSpillFolder } from './spill-folder.js';

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
  const elsewhere = dead.replace(/spill-\d+-/, 'spill-1-'); // of another container
  for (const path of [dead, elsewhere, join(folder, 'quantbot-spill-mine')]) mkdirSync(path);
  writeFileSync(join(dead, 'duckdb_temp_storage-0.tmp'), 'x');
  const next = makeSpillFolder();
  expect(existsSync(dead)).toBe(false);
  for (const path of [living.path, next.path, elsewhere]) expect(existsSync(path), path).toBe(true);
  for (const { remove } of [living, next]) remove();
  expect(readdirSync(folder).sort()).toEqual(['quantbot-spill-mine', elsewhere.split('/').at(-1)].sort());
});

test('others cannot look into it', () => {
  inTemporaryFolder();
  expect(statSync(makeSpillFolder().path).mode & 0o777).toBe(0o700);
});
