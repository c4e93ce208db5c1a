import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { markdownPages, parseMarkdown } from './pages.js';
import { commentsOfPython, commentsOfScript, problemsOfProse, proseOfPage } from './prose.js';
import { filesOf, root } from './repository.js';

const read = (name: string) => readFileSync(join(root, name), 'utf8');

/** Returns the problems of all files by name, without the files that have none. */
const problemsIn = (names: readonly string[], problemsOf: (name: string) => string[]) =>
  Object.fromEntries(names.map(name => [name, problemsOf(name)]).filter(([, problems]) => problems?.length !== 0));

test('prose in Markdown wraps at 100 columns and repeats no word', () => {
  // Changelogs are generated from changesets, whose lines they indent.
  const written = markdownPages().filter(page => !page.name.endsWith('CHANGELOG.md'));
  const pages = new Map(written.map(page => [page.name, page]));
  expect(
    problemsIn([...pages.keys()], name => {
      const page = pages.get(name);
      return page === undefined ? [] : problemsOfProse(proseOfPage(page, read(name)));
    }),
  ).toEqual({});
});

test('comments in TypeScript and JavaScript wrap at 100 columns and repeat no word', () => {
  const scripts = filesOf('*.ts', '*.tsx', '*.mts', '*.mjs');
  expect(problemsIn(scripts, name => problemsOfProse(commentsOfScript(read(name))))).toEqual({});
});

test('comments and docstrings in Python wrap at 100 columns and repeat no word', () => {
  expect(problemsIn(filesOf('*.py'), name => problemsOfProse(commentsOfPython(read(name))))).toEqual({});
});

const long = `${'one word '.repeat(11)}end`;

test('a long line and a doubled word are found in prose, and nowhere else', () => {
  const text = [
    '---',
    'a: b',
    '---',
    '',
    long,
    `| ${long} |`,
    '|---|',
    '',
    '```',
    long,
    '```',
    '',
    'in the',
    'the end',
  ];
  const page = { tree: parseMarkdown(text.join('\n')) };
  expect(problemsOfProse(proseOfPage(page, text.join('\n')))).toEqual(
    expect.arrayContaining(["line 13: 'the the'", 'line 5: 102 columns']),
  );
  expect(problemsOfProse(proseOfPage(page, text.join('\n')))).not.toContain('line 10: 102 columns');
});

test('a long line and a doubled word are found in comments, and not in code', () => {
  const script = [`const text = '${long}';`, `// ${long}`, '/** of of', ' * it */', `//${'x'.repeat(100)}`];
  expect(problemsOfProse(commentsOfScript(script.join('\n')))).toEqual(['line 2: 105 columns', "line 3: 'of of'"]);
  const python = [
    `text = "${long}"`,
    `# ${long}`,
    'def run():',
    '    """Runs',
    `    ${long}`,
    '    """',
    `    a = """${long}`,
  ];
  expect(problemsOfProse(commentsOfPython(python.join('\n')))).toEqual(['line 2: 104 columns', 'line 5: 106 columns']);
});
