import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** API reports are declarations in one fence, made by a tool and held to the code by a test of their own. */
const isWritten = name => name !== '' && !name.endsWith('.api.md');

/** Every Markdown page of the repository that somebody has written, parsed as GitHub does. */
export function markdownPages() {
  const options = { cwd: root, encoding: 'utf8' };
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], options)
    .split('\n')
    .filter(name => isWritten(name) && existsSync(join(root, name)))
    .map(name => ({ name, tree: parseMarkdown(readFileSync(join(root, name), 'utf8')) }));
}

/** The tree of a page. */
export const parseMarkdown = text => fromMarkdown(text, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
