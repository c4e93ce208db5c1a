import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { declarationsFor, problemsOf } from './compile.js';
import { markdownPages, parseMarkdown } from './pages.js';
import { filesOf, root } from './repository.js';
import { problemsOfJson, programsOf, scriptsOf, snippetsOf } from './snippets.js';

const pages = markdownPages();

/**
 * The scripts of every package, by the names that `--filter` accepts; those of the root by an empty
 * name.
 */
const scripts = new Map(
  filesOf('package.json', '**/package.json').flatMap(path => {
    const { name, scripts = {} } = JSON.parse(readFileSync(join(root, path), 'utf8'));
    const names = path === 'package.json' ? [undefined] : [name, name.replace(/^@[^/]+\//, '')];
    return names.map(each => [each, new Set(Object.keys(scripts))] as const);
  }),
);

/** Pages whose commands another test runs, in a project with more than the bus. */
const isRun = (name: string) => name === 'docs/guides/migration.md';

const withPrograms = pages.filter(page => programsOf(page).length > 0 && !isRun(page.name));

const compile = (code: string) => problemsOf(`${declarationsFor(code)}\n${code}\nexport {};\n`);

test.each(withPrograms.map(page => [page.name, page] as const))(
  'the TypeScript of %s compiles, but for what says why not',
  { timeout: 120_000 },
  (_name, page) => {
    for (const { line, code } of programsOf(page)) expect(compile(code), `line ${line}`).toEqual([]);
  },
);

test('there is TypeScript in the documentation', () => {
  expect(withPrograms.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['README.md', 'docs/getting-started.md']),
  );
});

test.each(pages.map(page => [page.name, page] as const))('the JSON of %s is JSON', (_name, page) => {
  expect(problemsOfJson(page)).toEqual([]);
});

test.each(pages.map(page => [page.name, page] as const))('the scripts that %s names are there', (_name, page) => {
  const missing = scriptsOf(page).filter(({ filter, script }) => !(scripts.get(filter) ?? new Set()).has(script));
  expect(missing).toEqual([]);
});

test('what is not as it should be is found', () => {
  const page = {
    name: 'docs/page.md',
    tree: parseMarkdown(
      [
        'First `npm run nowhere`, then `npm test`.',
        '```sh',
        '$ pnpm --filter bus-daemon start',
        '```',
        '```json',
        '{ "a": 1, }',
        '```',
        '<!-- not compiled: the point is that it does not -->',
        '```ts',
        'none;',
        '```',
        '```ts',
        'const text: string = 1;',
        '```',
      ].join('\n\n'),
    ),
  };
  expect(scriptsOf(page)).toEqual([
    { script: 'nowhere' },
    { script: 'test' },
    { filter: 'bus-daemon', script: 'start' },
  ]);
  expect(problemsOfJson(page)).not.toEqual([]);
  expect(snippetsOf(page).map(({ notCompiled }) => notCompiled)).toContain('the point is that it does not');
  expect(programsOf(page).map(({ code }) => compile(code))).toEqual([[expect.stringMatching(/not assignable/)]]);
});
