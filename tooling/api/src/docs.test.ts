import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import GithubSlugger from 'github-slugger';
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import type { Code, Definition, Heading, Image, Link, Root } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { toString as textOf } from 'mdast-util-to-string';
import { gfm } from 'micromark-extension-gfm';
import { visit } from 'unist-util-visit';
import { expect, test } from 'vitest';
import { declarationsFor, problemsOf } from './compile.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter(
    name => name !== '' && existsSync(join(root, name)) && !name.endsWith('.api.md') && !name.startsWith('.changeset/'),
  );

interface Page {
  name: string;
  tree: Root;
  anchors: Set<string>;
}

const pages = new Map<string, Page>(tracked.map(name => [name, readPage(name)]));

function readPage(name: string): Page {
  const tree = fromMarkdown(readFileSync(join(root, name), 'utf8'), {
    extensions: [gfm()],
    mdastExtensions: [gfmFromMarkdown()],
  });
  const slugger = new GithubSlugger();
  const anchors = new Set<string>();
  visit(tree, 'heading', (heading: Heading) => {
    anchors.add(slugger.slug(textOf(heading)));
  });
  return { name, tree, anchors };
}

/** Where the links and pictures of a page lead, as they stand there. */
function targetsOf({ tree }: Page): string[] {
  const targets: string[] = [];
  visit(tree, node => {
    if (['link', 'image', 'definition'].includes(node.type)) targets.push((node as Link | Image | Definition).url);
  });
  return targets;
}

const isElsewhere = (target: string) => /^[a-z][a-z0-9+.-]*:/i.test(target);

/** The file, below the repository, to which a link of a page leads. */
const fileOf = (page: Page, target: string) =>
  relative(root, resolve(root, dirname(page.name), decodeURI(target.split('#')[0] ?? ''))) || page.name;

test.each([...pages.values()].map(page => [page.name, page] as const))(
  'the links of %s lead to what is there',
  (_name, page) => {
    const broken = targetsOf(page).filter(target => {
      if (isElsewhere(target)) return false;
      const [path, anchor] = target.split('#');
      const file = path === '' ? page.name : fileOf(page, target);
      if (!existsSync(join(root, file))) return true;
      return anchor !== undefined && file.endsWith('.md') && !pages.get(file)?.anchors.has(anchor);
    });
    expect(broken).toEqual([]);
  },
);

test('every page of docs/ can be reached from docs/README.md', () => {
  const reached = new Set(['docs/README.md']);
  for (const name of reached) {
    const page = pages.get(name);
    for (const target of page === undefined ? [] : targetsOf(page)) {
      const file = isElsewhere(target) ? '' : fileOf(page as Page, target);
      if (file.startsWith('docs/') && pages.has(file)) reached.add(file);
    }
  }
  expect([...pages.keys()].filter(name => name.startsWith('docs/') && !reached.has(name))).toEqual([]);
});

test.each([...pages.values()].map(page => [page.name, page] as const))('the JSON of %s is JSON', (_name, { tree }) => {
  const problems: string[] = [];
  visit(tree, 'code', (code: Code) => {
    if (code.lang !== 'json' && code.lang !== 'jsonc') return;
    const errors: ParseError[] = [];
    parse(code.value, errors, { disallowComments: code.lang === 'json', allowTrailingComma: false });
    problems.push(...errors.map(({ error }) => `line ${code.position?.start.line}: ${printParseErrorCode(error)}`));
  });
  expect(problems).toEqual([]);
});

/** The TypeScript on a page that says where its names come from: what does not is a part of something, or of another program. */
function programsOf({ tree }: Page): { line: number; code: string }[] {
  const programs: { line: number; code: string }[] = [];
  visit(tree, 'code', (code: Code) => {
    if (code.lang === 'ts' && /^import [^;]*'@quantbot\//m.test(code.value))
      programs.push({ line: code.position?.start.line ?? 0, code: code.value });
  });
  return programs;
}

/** What a test of its own types and runs, in a project that has more than the bus. */
const isRun = (name: string) => name === 'docs/guides/migration.md';

const withPrograms = [...pages.values()].filter(page => programsOf(page).length > 0 && !isRun(page.name));

test.each(withPrograms.map(page => [page.name, page] as const))(
  'the TypeScript of %s compiles',
  { timeout: 120_000 },
  (_name, page) => {
    for (const { line, code } of programsOf(page))
      expect(problemsOf(`${declarationsFor(code)}\n${code}\nexport {};\n`), `line ${line}`).toEqual([]);
  },
);

test('there is TypeScript in the documentation', () => {
  expect(withPrograms.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['README.md', 'docs/getting-started.md']),
  );
});
