import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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
 * Creates a virtual environment with packages. Test files that run side by side may want the same
 * one: the first installs it, the others wait at the lock.
 */
const install = `
import fcntl, os, shutil, subprocess, sys
folder, *packages = sys.argv[1:]
complete = os.path.join(folder, "complete")
os.makedirs(os.path.dirname(folder), exist_ok=True)
with open(folder + ".lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if not os.path.exists(complete) or open(complete).read() != " ".join(packages):
        if os.path.exists(folder):
            shutil.rmtree(folder)
        subprocess.check_call([sys.executable, "-m", "venv", folder])
        pip = [os.path.join(folder, "bin/python"), "-m", "pip", "install", "--quiet", "--timeout", "20", "--retries", "1"]
        subprocess.check_call(pip + packages, timeout=400)
        with open(complete, "w") as file:
            file.write(" ".join(packages))
`;

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
    execFileSync('python3', ['-c', install, folder, ...packages], { stdio: 'ignore' });
    return python;
  } catch {
    return undefined;
  }
}
