import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { brokenLinks, linksToOneself, unreachable, withFolders } from './links.js';
import { markdownPages, parseMarkdown } from './pages.js';
import { filesOf, root } from './repository.js';

const pages = markdownPages();
const files = withFolders(filesOf());
const { repository } = JSON.parse(readFileSync(join(root, 'packages/infra/package.json'), 'utf8'));
const ownAddress = /[^/]+\/[^/]+\/[^/]+(?=\.git$)/.exec(repository.url)?.[0] ?? '';

test.each(pages.map(page => [page.name, page] as const))('the links of %s lead to what is there', (_name, page) => {
  expect(brokenLinks(page, pages, files)).toEqual([]);
  expect(linksToOneself(page, ownAddress)).toEqual([]);
});

test('every page of docs/ can be reached from docs/README.md', () => {
  expect(unreachable('docs/README.md', 'docs/', pages)).toEqual([]);
});

const page = (name: string, text: string) => ({ name, tree: parseMarkdown(text) });

test('a file that is missing or not kept, and an anchor that no heading has, are found', () => {
  const other = page('docs/other.md', '# Two words\n\n## Two words\n');
  const first = page(
    'docs/first.md',
    [
      '[good](other.md#two-words-1) [good](../packages/) [good](..) [elsewhere](https://example.com/other.md#none)',
      '[no file](gone.md) [ignored](../dist/made.js) [outside](../../etc/passwd) ![no picture](gone.png)',
      '[no anchor](other.md#three) [none here](#none) [by name]',
      '',
      '[by name]: gone-too.md',
      '',
      '<img src="gone.svg"><a href="other.md">good</a>',
    ].join('\n'),
  );
  const kept = withFolders(['docs/first.md', 'docs/other.md', 'packages/infra/README.md']);
  expect(brokenLinks(first, [first, other], kept)).toEqual([
    'gone.md',
    '../dist/made.js',
    '../../etc/passwd',
    'gone.png',
    'other.md#three',
    '#none',
    'gone-too.md',
    'gone.svg',
  ]);
});

test('a link to a file of the repository by its address on the network is found', () => {
  expect(ownAddress).toMatch(/^github\.com\/./);
  const first = page('README.md', `[a](https://${ownAddress}/blob/main/LICENSE) [b](https://${ownAddress}/issues)`);
  expect(linksToOneself(first, ownAddress)).toEqual([`https://${ownAddress}/blob/main/LICENSE`]);
});

test('a page to which no chain of links leads is found', () => {
  const all = [page('docs/README.md', '[a](a.md)'), page('docs/a.md', '[b](b.md#x)'), page('docs/b.md', '')];
  expect(unreachable('docs/README.md', 'docs/', all)).toEqual([]);
  expect(unreachable('docs/README.md', 'docs/', [...all, page('docs/lost.md', '[b](b.md)')])).toEqual(['docs/lost.md']);
});
