import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type FileOptions, findFiles } from './find-files.js';

/** Creates a repository of files; a tuple gives a file its content. */
function repository(...files: (string | [string, string])[]): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'quantbot-scan-')));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, '.git'));
  for (const file of files) {
    const [name, content] = typeof file === 'string' ? [file, ''] : file;
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

const names = async (root: string, options?: FileOptions): Promise<string[]> =>
  (await findFiles(root, options)).files.map(file => relative(root, file));

test('code and notebooks are found, generated and foreign code is not', async () => {
  const root = repository(
    'a.ts',
    'b/c.py',
    'b/d.ipynb',
    'e.mjs',
    '.github/f.py',
    'README.md',
    'g.sql',
    'h.d.ts',
    'i.min.js',
  );
  for (const folder of ['node_modules/x', 'dist', '.venv/lib', 'b/__pycache__']) {
    mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, folder, 'z.py'), '');
  }
  mkdirSync(join(root, 'environment'));
  for (const name of ['pyvenv.cfg', 'z.py']) writeFileSync(join(root, 'environment', name), '');
  expect(await names(root)).toEqual(['.github/f.py', 'a.ts', 'b/c.py', 'b/d.ipynb', 'e.mjs']);
});

test('.gitignore files count as in git: nested, negated, and from the repository down when a folder of it is scanned', async () => {
  const root = repository(
    ['.gitignore', '/data/\n*.gen.ts\n'],
    'data/a.py',
    'src/data/b.py',
    'src/c.gen.ts',
    ['src/own/.gitignore', '!d.gen.ts\nsecret.py\n'],
    'src/own/d.gen.ts',
    'src/own/secret.py',
    'secret.py',
  );
  expect(await names(root)).toEqual(['secret.py', 'src/data/b.py', 'src/own/d.gen.ts']);
  expect(await names(join(root, 'src'))).toEqual(['data/b.py', 'own/d.gen.ts']);
});

test('what is asked for by name is scanned, also when it is ignored', async () => {
  const root = repository(['.gitignore', '/data/\n'], 'data/a.py', 'node_modules/x/b.js');
  expect(await names(join(root, 'data'))).toEqual(['a.py']);
  expect(await names(join(root, 'node_modules/x'))).toEqual(['b.js']);
  expect((await findFiles(join(root, 'data/a.py'))).files).toEqual([join(root, 'data/a.py')]);
});

test('tests are left out and counted, unless they are wanted', async () => {
  const root = repository(
    'a.ts',
    'a.test.ts',
    'tests/b.py',
    'test_c.py',
    'd_test.py',
    'conftest.py',
    'latest/e.py',
    '__tests__/f.js',
  );
  expect(await names(root)).toEqual(['a.ts', 'latest/e.py']);
  expect((await findFiles(root)).tests).toBe(6);
  expect(await names(root, { tests: true })).toHaveLength(8);
});

test('patterns leave files out', async () => {
  const root = repository('a.ts', 'legacy/b.ts', 'legacy/deep/c.py', 'd.py');
  expect(await names(root, { exclude: ['legacy/', '*.py'] })).toEqual(['a.ts']);
});

test('a link that leads back up is not followed', async () => {
  const root = repository('a.ts');
  symlinkSync(root, join(root, 'again'));
  expect(await names(root)).toEqual(['a.ts']);
});
