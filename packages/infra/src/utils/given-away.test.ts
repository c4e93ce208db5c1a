import { chmodSync, existsSync, linkSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/folders.js';
import { dropGivenAway, givenAwayAt } from './given-away.js';

function dropAfter(change: (path: string, folder: string) => void): boolean {
  const folder = temporaryFolder();
  const path = join(folder, 'given');
  writeFileSync(path, 'content');
  utimesSync(path, 1, 1);
  const given = givenAwayAt(path);
  change(path, folder);
  dropGivenAway([given]);
  return existsSync(path);
}

test.each<[string, (path: string, folder: string) => void]>([
  ['nothing', () => {}],
  ['another mode', path => chmodSync(path, 0o444)],
  ['a second link', (path, folder) => linkSync(path, join(folder, 'link'))],
  ['its removal', path => rmSync(path)],
])('a file that was given away goes after %s', (_, change) => {
  expect(dropAfter(change)).toBe(false);
});

/** Puts another file into the place of a file. */
function exchange(path: string, folder: string): void {
  writeFileSync(join(folder, 'new'), 'CONTENT');
  renameSync(join(folder, 'new'), path);
}

/** Puts a link to another file into the place of a file. */
function link(path: string, folder: string): void {
  writeFileSync(join(folder, 'new'), 'CONTENT');
  rmSync(path);
  symlinkSync(join(folder, 'new'), path);
}

test.each<[string, (path: string, folder: string) => void]>([
  ['another file', exchange],
  ['more content', path => writeFileSync(path, 'more content')],
  ['other content of the same size', path => writeFileSync(path, 'CONTENT')],
  ['a link to another file', link],
])('%s that has its name by now stays', (_, change) => {
  expect(dropAfter(change)).toBe(true);
});
