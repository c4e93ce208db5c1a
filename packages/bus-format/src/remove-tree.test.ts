import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { makeDeepFolders } from '@quantbot/tooling-testing/deep-folders';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { leftoversIn, removeTree } from './remove-tree.js';

test('files, links and names that are no text are told, but not manifest and receipt', () => {
  const folder = temporaryFolder();
  for (const name of ['manifest.json', 'RECEIPT.json', 'COMMIT', 'é']) writeFileSync(join(folder, name), '');
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff])]), '');
  symlinkSync('/', join(folder, 'link'));
  const names = leftoversIn(folder)?.map(path => path.subarray(folder.length + 1).toString('latin1'));
  expect(names?.sort()).toEqual(['COMMIT', 'link', 'Ã©', 'ÿ']);
});

test('a thousand files are told, one more or a folder is not', () => {
  const folder = temporaryFolder();
  for (let i = 0; i < 1000; i++) writeFileSync(join(folder, String(i)), '');
  expect(leftoversIn(folder)).toHaveLength(1000);
  writeFileSync(join(folder, 'more'), '');
  expect(leftoversIn(folder)).toBeUndefined();
  const other = temporaryFolder();
  mkdirSync(join(other, 'folder'));
  expect(leftoversIn(other)).toBeUndefined();
});

test('a tree is removed, and what its links lead to is not', async () => {
  const folder = temporaryFolder();
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  writeFileSync(join(folder, 'kept'), 'x');
  mkdirSync(join(folder, 'kept-too'));
  symlinkSync(join(folder, 'kept'), join(tree, 'a/file-link'));
  symlinkSync(join(folder, 'kept-too'), join(tree, 'a/b/folder-link'));
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/a/`), Buffer.from([0x66, 0xff])]), '');
  await removeTree(tree);
  expect(readdirSync(folder).sort()).toEqual(['kept', 'kept-too']);
  expect(readFileSync(join(folder, 'kept'), 'utf8')).toBe('x');
  symlinkSync(join(folder, 'kept-too'), tree);
  await removeTree(tree);
  expect(readdirSync(folder).sort()).toEqual(['kept', 'kept-too']);
  await removeTree(tree); // gone already
});

test('a tree that is deeper than any path may be long is removed', async () => {
  const folder = temporaryFolder();
  makeDeepFolders(folder);
  await removeTree(join(folder, 'deep'));
  expect(readdirSync(folder)).toEqual([]);
});

test.skipIf(process.platform !== 'linux')(
  'a folder that becomes a link while the tree is removed leads nowhere',
  async () => {
    const folder = temporaryFolder();
    const [tree, outside] = [join(folder, 'tree'), join(folder, 'outside')];
    const halves = ['a', 'b'].map(name => join(tree, name));
    for (const path of [outside, ...halves]) {
      mkdirSync(path, { recursive: true });
      for (let i = 0; i < 500; i++) writeFileSync(join(path, String(i)), '');
    }
    const left = (path: string) => readdirSync(path).length;
    const removing = removeTree(tree);
    // The second entry was listed as a folder, and becomes a link before it is removed.
    while (halves.every(path => left(path) === 500)) await setImmediate();
    const second = halves.find(path => left(path) === 500) as string;
    renameSync(second, join(folder, 'taken-away'));
    symlinkSync(outside, second);
    await removing;
    expect([left(outside), left(join(folder, 'taken-away')), existsSync(tree)]).toEqual([500, 500, false]);
  },
);

test('removing ends when it is told to, and can be gone on with', async () => {
  const folder = join(temporaryFolder(), 'tree');
  mkdirSync(folder);
  for (let i = 0; i < 100; i++) writeFileSync(join(folder, String(i)), '');
  const stopping = new AbortController();
  const removing = removeTree(folder, { signal: stopping.signal });
  stopping.abort(new Error('stop'));
  await expect(removing).rejects.toThrow('stop');
  expect(existsSync(folder)).toBe(true);
  await removeTree(folder);
  expect(existsSync(folder)).toBe(false);
});

test('what holds more than may be removed at once is given up, and removed another time', async () => {
  const folder = join(temporaryFolder(), 'tree');
  mkdirSync(join(folder, 'deeper'), { recursive: true });
  let made = 0;
  const fill = () => {
    for (const place of [folder, join(folder, 'deeper')]) writeFileSync(join(place, String(made++)), '');
  };
  for (let i = 0; i < 300; i++) fill();
  expect(await removeTree(folder, { maxEntries: 500 })).toBe(false);
  expect(await removeTree(folder, { maxEntries: 5000 })).toBe(true);
  expect(existsSync(folder)).toBe(false);
});
