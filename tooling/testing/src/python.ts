import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** Whether there is a Python that the bus's scripts run on. */
export const hasPython =
  spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))'], { stdio: 'ignore' }).status === 0;

/** A suffix for the titles of skipped tests. */
export const skippedWithoutPython = hasPython ? '' : ' (skipped: there is no python3 of 3.9 or newer)';

/**
 * Keeps Python from writing caches into the repository, and lets it import the sources of the
 * checkout.
 */
export const pythonEnvironment = { PYTHONDONTWRITEBYTECODE: '1', PYTHONPATH: join(repository, 'python/src') };

/** Why {@link pythonWith} may return undefined. */
export const withoutDataTools = 'npm test does not install the data tools, or PyPI is not reachable';

/**
 * Returns a Python with packages of PyPI, in a virtual environment of this name that later runs
 * reuse; undefined if they cannot be installed. `npm test` does not install them, which takes a
 * minute.
 */
export function pythonWith(name: string, packages: readonly string[]): string | undefined {
  const folder = join(repository, 'node_modules/.cache', `bus-${name}`);
  const python = join(folder, 'bin/python');
  const complete = join(folder, 'complete');
  if (existsSync(complete) && readFileSync(complete, 'utf8') === packages.join(' ')) return python;
  if (process.env.CAMPAIGNS === 'sample') return undefined;
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' });
    const install = ['-m', 'pip', 'install', '--quiet', '--timeout', '20', '--retries', '1'];
    execFileSync(python, [...install, ...packages], { stdio: 'ignore', timeout: 400_000 });
    writeFileSync(complete, packages.join(' '));
    return python;
  } catch {
    return undefined;
  }
}
