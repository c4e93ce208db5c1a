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
 * Every Markdown page of the repository that a person has written. API reports are left out: a tool
 * writes them, and a test of their own compares them with the code.
 */
export const markdownPages = (): MarkdownPage[] =>
  filesOf('*.md')
    .filter(name => !name.endsWith('.api.md'))
    .map(name => ({ name, tree: parseMarkdown(readFileSync(join(root, name), 'utf8')) }));

/** The tree of a page, as GitHub reads it. */
export const parseMarkdown = (text: string): Root =>
  fromMarkdown(text, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
