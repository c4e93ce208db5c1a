import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const scripts = join(here, '../python');
const cache = join(here, '../node_modules/.cache/python');

/** Thrown if no Python can run the campaign, with the reason. */
export class NoPython extends Error {
  constructor(reason: string) {
    super(
      `\n!!! THE DIFFERENTIAL CAMPAIGN DID NOT RUN: it needs Python 3 with venv, and a package registry.\n${reason}`,
    );
  }
}

/**
 * Returns a Python with the packages of python/requirements.txt. Its environment is created once.
 *
 * @throws NoPython
 */
export function pythonWithWriters(): string {
  const python = join(cache, 'bin/python');
  const wanted = readFileSync(join(scripts, 'requirements.txt'), 'utf8');
  const installed = join(cache, 'installed.txt');
  if (existsSync(python) && existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return python;
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(dirname(cache), { recursive: true });
  runOrExplain('python3', ['-m', 'venv', cache]);
  runOrExplain(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '-r',
    join(scripts, 'requirements.txt'),
  ]);
  writeFileSync(installed, wanted);
  return python;
}

function runOrExplain(command: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  if (status === 0) return;
  throw new NoPython(`${[command, ...args].join(' ')}: ${error?.message ?? stderr}`);
}

/** Lets the Python writers fill a folder. */
export const generate = (python: string, seed: string, folder: string): Promise<void> =>
  ended(
    spawn(python, [join(scripts, 'corpus.py'), 'generate', seed, folder], { stdio: ['ignore', 'inherit', 'inherit'] }),
  );

/** Lets pyarrow read files and write the values of each to `<file>.values.json`. */
export function describe(python: string, paths: readonly string[]): Promise<void> {
  const child = spawn(python, [join(scripts, 'corpus.py'), 'describe'], { stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin?.end(paths.map(path => `${path}\n`).join(''));
  return ended(child);
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => (code === 0 ? resolve() : reject(new Error(`Python ended with ${code}.`))));
  });
