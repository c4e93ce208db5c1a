import * as fs from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import glob from 'fast-glob';
import ignore, { type Ignore } from 'ignore';

/** Which files to find. */
export interface FileOptions {
  /** Patterns of files to leave out, as in a .gitignore. */
  exclude?: readonly string[];
  /** Whether to include tests. */
  tests?: boolean;
}

const patterns = ['**/*.{ts,tsx,mts,cts,js,jsx,mjs,cjs,py,ipynb}'];

/** Folders of third-party or generated files. */
const skipped = new Set(
  'node_modules bower_components dist .git .hg .svn .venv venv site-packages __pycache__ .tox .nox .mypy_cache .pytest_cache .ruff_cache .ipynb_checkpoints .next .nuxt .turbo .cache .yarn coverage'.split(
    ' ',
  ),
);

const tests =
  /(?:^|\/)(?:tests?|__tests__|spec|fixtures)\/|(?:^|\/)(?:test_[^/]*|[^/]*_test|conftest)\.py$|\.(?:test|spec)\.[mc]?[jt]sx?$/;
const made = /\.min\.[mc]?js$|\.d\.[mc]?ts$/;

/**
 * Returns the files below a folder, sorted, without those that .gitignore files exclude. If the
 * path is a file, returns the file.
 */
export async function findFiles(path: string, options: FileOptions = {}): Promise<{ files: string[]; tests: number }> {
  const root = resolve(path);
  if (!fs.statSync(root).isDirectory()) return { files: [root], tests: 0 };
  const rules = new IgnoreRules(root, options.exclude ?? []);
  const readdir = ((folder: string, how: { withFileTypes: true }, done: ReadDone) => {
    fs.readdir(folder, how, (error, entries) => {
      if (error) return done(null, []); // skip an unreadable folder
      rules.enter(folder, entries);
      done(
        null,
        entries.filter(entry => rules.allows(join(folder, entry.name), entry.isDirectory())),
      );
    });
  }) as unknown as typeof fs.readdir;
  const found = await glob(patterns, {
    cwd: root,
    absolute: true,
    dot: true,
    followSymbolicLinks: false,
    fs: { readdir },
  });
  const files = found.filter(file => !made.test(file)).sort();
  const kept = options.tests ? files : files.filter(file => !tests.test(relative(root, file).split(sep).join('/')));
  return { files: kept, tests: files.length - kept.length };
}

type ReadDone = (error: Error | null, entries: fs.Dirent[]) => void;

/** The .gitignore files from the repository's root down, read during the walk. */
class IgnoreRules {
  readonly #rules = new Map<string, Ignore>();
  readonly #exclude: Ignore;
  readonly #root: string;

  constructor(root: string, exclude: readonly string[]) {
    this.#root = root;
    this.#exclude = ignore().add([...exclude]);
    const above = foldersUpToRepository(root);
    for (const folder of above) this.#add(folder);
    // A folder that is given by name is scanned even if its repository ignores it.
    if (!this.#allowed(root, true)) this.#rules.clear();
  }

  enter(folder: string, entries: readonly fs.Dirent[]): void {
    if (entries.some(({ name }) => name === '.gitignore')) this.#add(folder);
    if (folder !== this.#root && entries.some(({ name }) => name === 'pyvenv.cfg')) (entries as fs.Dirent[]).length = 0;
  }

  allows(path: string, isFolder: boolean): boolean {
    if (isFolder && skipped.has(basename(path))) return false;
    const own = relative(this.#root, path).split(sep).join('/');
    return !this.#exclude.ignores(isFolder ? `${own}/` : own) && this.#allowed(path, isFolder);
  }

  #add(folder: string): void {
    try {
      this.#rules.set(folder, ignore().add(fs.readFileSync(join(folder, '.gitignore'), 'utf8')));
    } catch {
      // Without a readable .gitignore nothing is ignored.
    }
  }

  /** Returns whether a path is allowed. As in git, the nearest .gitignore with a rule decides. */
  #allowed(path: string, isFolder: boolean): boolean {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      const rule = this.#rules.get(folder);
      if (rule !== undefined) {
        const own = relative(folder, path).split(sep).join('/');
        const verdict = rule.test(isFolder ? `${own}/` : own);
        if (verdict.ignored) return false;
        if (verdict.unignored) return true;
      }
      if (dirname(folder) === folder) return true;
    }
  }
}

/** Returns the folders above a folder up to its repository's root; none outside a repository. */
function foldersUpToRepository(from: string): string[] {
  const folders: string[] = [];
  for (let folder = from; ; folder = dirname(folder)) {
    folders.push(folder);
    if (fs.existsSync(join(folder, '.git'))) return folders.reverse();
    if (dirname(folder) === folder) return [];
  }
}
