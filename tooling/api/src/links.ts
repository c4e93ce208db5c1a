import { posix } from 'node:path';
import GithubSlugger from 'github-slugger';
import type { Nodes } from 'mdast';
import { toString as textOf } from 'mdast-util-to-string';
import { visit } from 'unist-util-visit';
import type { MarkdownPage } from './pages.js';

/** Returns the targets of a page's links and pictures as written, including those in HTML. */
export function targetsOf({ tree }: MarkdownPage): string[] {
  const targets: string[] = [];
  visit(tree, (node: Nodes) => {
    if (node.type === 'link' || node.type === 'image' || node.type === 'definition') targets.push(node.url);
    if (node.type === 'html')
      targets.push(...[...node.value.matchAll(/\b(?:href|src)="([^"]*)"/g)].map(([, target = '']) => target));
  });
  return targets;
}

/** Whether a target is not a file of the repository: it has a scheme, or begins with `//`. */
export const isElsewhere = (target: string): boolean => /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(target);

/** Returns the path below the root to which a link leads; empty for the root itself. */
export function fileOf(page: MarkdownPage, target: string): string {
  const [path = ''] = target.split('#');
  if (path === '') return page.name;
  return posix
    .normalize(posix.join(posix.dirname(page.name), decodeURI(path)))
    .replace(/\/$/, '')
    .replace(/^\.$/, '');
}

/** Returns the anchors that GitHub creates for a page's headings. */
function anchorsOf({ tree }: MarkdownPage): Set<string> {
  const slugger = new GithubSlugger();
  const anchors = new Set<string>();
  visit(tree, 'heading', heading => {
    anchors.add(slugger.slug(textOf(heading)));
  });
  return anchors;
}

/**
 * Returns the links of a page that lead to a file outside of the repository, or to a missing
 * anchor.
 */
export function brokenLinks(page: MarkdownPage, pages: readonly MarkdownPage[], files: ReadonlySet<string>): string[] {
  return targetsOf(page).filter(target => {
    if (isElsewhere(target)) return false;
    const file = fileOf(page, target);
    if (!files.has(file)) return true;
    const anchor = target.split('#')[1];
    const other = pages.find(({ name }) => name === file);
    return anchor !== undefined && other !== undefined && !anchorsOf(other).has(decodeURI(anchor));
  });
}

/**
 * Returns the links that reach the repository's own files through the network. They would lead to
 * another version than the one being read.
 */
export const linksToOneself = (page: MarkdownPage, repository: string): string[] =>
  targetsOf(page).filter(target => new RegExp(`^(https?:)?//${repository}/(blob|tree|raw|edit)/`, 'i').test(target));

/** Returns the pages below a folder that cannot be reached by links from the first page. */
export function unreachable(first: string, folder: string, pages: readonly MarkdownPage[]): string[] {
  const reached = new Set([first]);
  for (const name of reached) {
    const page = pages.find(each => each.name === name);
    if (page === undefined) continue;
    for (const target of targetsOf(page)) if (!isElsewhere(target)) reached.add(fileOf(page, target));
  }
  return pages.map(({ name }) => name).filter(name => name.startsWith(folder) && !reached.has(name));
}

/** Returns these files and all of their folders; the root is an empty name. */
export function withFolders(files: readonly string[]): Set<string> {
  const all = new Set<string>(['']);
  for (const file of files)
    for (let name = file; name !== '.' && !all.has(name); name = posix.dirname(name)) all.add(name);
  return all;
}
