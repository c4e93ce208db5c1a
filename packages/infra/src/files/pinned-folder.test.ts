import { execFileSync } from 'node:child_process';
import { closeSync, linkSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { PinnedFolder } from './pinned-folder.js';
import { readLoneFile } from './read-small.js';

function read(folder: PinnedFolder, name: string): string {
  const file = folder.openFile(name);
  try {
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

test.skipIf(process.platform !== 'linux')('a folder that was exchanged is still the one that was opened', () => {
  const root = temporaryFolder();
  for (const name of ['job/sub', 'other/sub']) mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, 'job/sub/a'), 'mine');
  writeFileSync(join(root, 'other/sub/a'), 'closed');
  const job = PinnedFolder.open(join(root, 'job'));
  renameSync(join(root, 'job'), join(root, 'away'));
  symlinkSync(join(root, 'other'), join(root, 'job'));
  const sub = job.folder('sub');
  renameSync(join(root, 'away/sub'), join(root, 'away/sub-2'));
  symlinkSync(join(root, 'other/sub'), join(root, 'away/sub'));
  expect(read(sub, 'a')).toBe('mine');
  expect(() => job.folder('sub')).toThrow(/ENOTDIR|ELOOP/);
  expect(job.names().sort()).toEqual(['sub', 'sub-2']);
  for (const folder of [sub, job]) folder.close();
});

test('a link, a FIFO and a folder are refused, and nobody waits', () => {
  const root = temporaryFolder();
  writeFileSync(join(root, 'file'), 'x');
  symlinkSync('file', join(root, 'link'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  mkdirSync(join(root, 'folder'));
  const folder = PinnedFolder.open(root);
  for (const name of ['link', 'fifo', 'folder'])
    expect(() => folder.openFile(name)).toThrow(expect.objectContaining({ code: 'UNSAFE_PATH' }));
  expect(() => folder.openFile('none')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  folder.close();
});

test('a file that the caller refuses is not opened', () => {
  const root = temporaryFolder();
  writeFileSync(join(root, 'file'), 'x', { mode: 0 });
  const folder = PinnedFolder.open(root);
  expect(() =>
    folder.openFile('file', ({ size }) => {
      throw new Error(`refused ${size}`);
    }),
  ).toThrow('refused 1');
  folder.close();
});

test('a file with a second name is not read where there should be none', () => {
  const root = temporaryFolder();
  writeFileSync(join(root, 'file'), 'x');
  expect(readLoneFile(join(root, 'file'), 10).toString()).toBe('x');
  linkSync(join(root, 'file'), join(root, 'second'));
  expect(() => readLoneFile(join(root, 'second'), 10)).toThrow(expect.objectContaining({ code: 'UNSAFE_PATH' }));
});
