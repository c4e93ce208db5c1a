import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../python', import.meta.url));
const folder = fileURLToPath(new URL('../node_modules/.cache/bench-python', import.meta.url));

/**
 * Returns a Python with the contenders' packages, in a virtual environment that later runs reuse;
 * undefined if they cannot be installed.
 */
export function findPython(): string | undefined {
  const python = join(folder, 'bin/python');
  const wanted = readFileSync(join(sources, 'requirements.txt'), 'utf8');
  const installed = join(folder, 'installed');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return python;
  try {
    rmSync(folder, { recursive: true, force: true });
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' });
    const install = ['-m', 'pip', 'install', '--quiet', '--timeout', '20', '--retries', '1', '-r'];
    execFileSync(python, [...install, join(sources, 'requirements.txt')], { stdio: 'ignore', timeout: 400_000 });
    writeFileSync(installed, wanted);
    return python;
  } catch {
    return undefined;
  }
}

/** Returns the command line of a Python program of this package. */
export const pythonProgram = (python: string, name: string): string[] => [python, join(sources, `${name}.py`)];
