import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Block } from './page.js';

/** The root of the repository. */
export const repository = resolve(import.meta.dirname, '../../../..');

const packageFolder = join(repository, 'tooling/guides');
const cli = join(repository, 'packages/bus-daemon/dist/cli.js');

/** A project as its owner has it before the first line of the guide is read. */
export interface Project {
  folder: string;
  env: NodeJS.ProcessEnv;
  /** A second one with the same files, to try something in. */
  copy(): Project;
  remove(): void;
}

const manifest = { name: 'research', private: true, type: 'module' };
const compiler = {
  compilerOptions: {
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    skipLibCheck: true,
    types: ['node'],
    rootDir: '.',
    outDir: 'dist',
  },
  include: ['jobs'],
};

/** Makes the project: the programs that the guide shows under "Before", the packages installed, `scripts/` from the checkout, all of it in git. */
export function makeProject(before: readonly Block[], python: string): Project {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'quantbot-guide-')));
  const folder = join(top, 'research');
  for (const name of ['data', 'scripts']) mkdirSync(join(folder, name), { recursive: true });
  for (const name of ['tmp', 'bin']) mkdirSync(join(top, name));
  prepareTypeScript(folder);
  writeFileSync(join(folder, '.gitignore'), ['node_modules', 'dist', 'data', 'out', '*.parquet', ''].join('\n'));
  for (const name of readdirSync(join(repository, 'scripts')).filter(file => file.endsWith('.py')))
    symlinkSync(join(repository, 'scripts', name), join(folder, 'scripts', name));
  for (const block of before) writeBlock(folder, block);
  const env = environmentOf(top, python);
  for (const args of [
    ['init', '--quiet'],
    ['add', '.'],
    ['commit', '--quiet', '--message', 'As it was'],
  ])
    execFileSync('git', args, { cwd: folder, env });
  return projectIn(top, env);
}

/** The packages are installed, and `npx tsc` compiles `jobs/`. */
export function prepareTypeScript(folder: string): void {
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(compiler));
  symlinkSync(join(packageFolder, 'node_modules'), join(folder, 'node_modules'));
}

const projectIn = (top: string, env: NodeJS.ProcessEnv): Project => ({
  folder: join(top, 'research'),
  env,
  copy: () => {
    const other = `${top}-copy`;
    execFileSync('cp', ['-a', top, other]);
    return projectIn(other, { ...env, TMPDIR: join(other, 'tmp') });
  },
  remove: () => rmSync(top, { recursive: true, force: true, maxRetries: 5 }),
});

/** Writes a block to the file that it names. */
export function writeBlock(folder: string, { path, code }: Pick<Block, 'path' | 'code'>): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), code);
}

/** `quantbot-bus` and `python3` are on the path; nothing of the caller's own bus, package manager or git is there. */
function environmentOf(top: string, python: string): NodeJS.ProcessEnv {
  writeFileSync(join(top, 'bin/quantbot-bus'), `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`, {
    mode: 0o755,
  });
  const own = /^(QUANTBOT_|npm_|PNPM_|VITEST|NODE_OPTIONS|NODE_ENV|FORCE_COLOR|GIT_|PYTHON)/;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name))),
    PATH: [join(top, 'bin'), dirname(python), dirname(process.execPath), process.env.PATH].join(delimiter),
    TMPDIR: join(top, 'tmp'),
    PYTHONDONTWRITEBYTECODE: '1',
    npm_config_update_notifier: 'false',
    ...Object.fromEntries(
      ['AUTHOR', 'COMMITTER'].flatMap(who => [
        [`GIT_${who}_NAME`, 'Reader'],
        [`GIT_${who}_EMAIL`, 'reader@example.org'],
      ]),
    ),
  };
}
