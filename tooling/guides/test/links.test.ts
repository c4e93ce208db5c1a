import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from './support/project.js';

const markdownIn = (folder: string, recursive = true): string[] =>
  readdirSync(join(repository, folder), { recursive, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => join(repository, folder, name));

const packages = readdirSync(join(repository, 'packages')).map(name => join('packages', name));
const pages = [...markdownIn('docs'), ...['.', 'python', ...packages].flatMap(folder => markdownIn(folder, false))];

/** The page without its code, where brackets are no links and hashes no headings. */
const prose = (page: string): string => readFileSync(page, 'utf8').replace(/^\s*```[\s\S]*?^\s*```\s*$/gm, '');

/** The anchors that a page has, made of its headings as GitHub does. */
const anchorsOf = (page: string): string[] =>
  [...prose(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );

/** What is wrong with a link, undefined when nothing is. */
function problemOf(page: string, target: string): string | undefined {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : resolve(dirname(page), path);
  if (!existsSync(file)) return `${target}: there is no such file`;
  if (anchor !== undefined && !anchorsOf(file).includes(anchor)) return `${target}: there is no such heading`;
  return undefined;
}

const linksOf = (page: string): string[] =>
  [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter(target => !/^\w+:/.test(target));

test.each(pages.map(page => [relative(repository, page), page]))('every link of %s leads somewhere', (_, page) => {
  expect(linksOf(page).flatMap(target => problemOf(page, target) ?? [])).toEqual([]);
});

test.each([
  ['README.md', 'docs/guides/migration.md'],
  ['docs/guides/adoption.md', 'docs/guides/migration.md'],
  ['docs/guides/migration.md', 'docs/guides/adoption.md'],
])('who reads %s finds %s', (from, to) => {
  const page = join(repository, from);
  const targets = linksOf(page).map(target => resolve(dirname(page), target.split('#')[0] ?? ''));
  expect(targets).toContain(join(repository, to));
});
