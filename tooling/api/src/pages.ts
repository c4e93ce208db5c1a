import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Root } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import { filesOf, root } from './repository.js';

/** A page of Markdown. */
export interface MarkdownPage {
  /** Its path below the root, with slashes. */
  name: string;
  tree: Root;
}

/**
 * Returns every hand-written Markdown page of the repository. API reports are left out: a tool
 * writes them, and another test compares them with the code.
 */
export const markdownPages = (): MarkdownPage[] =>
  filesOf('*.md')
    .filter(name => !name.endsWith('.api.md'))
    .map(name => ({ name, tree: parseMarkdown(readFileSync(join(root, name), 'utf8')) }));

/** Parses a page as GitHub does. */
export const parseMarkdown = (text: string): Root =>
  fromMarkdown(text, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
