import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPython, requirementsIn } from '@quantbot/tooling-testing/python';

const scripts = join(dirname(fileURLToPath(import.meta.url)), '../python');

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
  try {
    return installPython('writers', requirementsIn(join(scripts, 'requirements.txt')));
  } catch (error) {
    throw new NoPython((error as Error).message);
  }
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
