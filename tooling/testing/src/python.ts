import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** Whether there is a Python that the bus's scripts run on. */
export const hasPython =
  spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))'], { stdio: 'ignore' }).status === 0;

/** A suffix for the titles of skipped tests. */
export const skippedWithoutPython = hasPython ? '' : ' (skipped: there is no python3 of 3.9 or newer)';

const cache = join(repository, 'node_modules/.cache');

/**
 * Lets Python import the sources of the checkout, and keeps its bytecode outside of them. uv leaves
 * the bytecode of packages to their first import.
 */
export const pythonEnvironment = {
  PYTHONPYCACHEPREFIX: join(cache, 'bytecode'),
  PYTHONPATH: join(repository, 'python/src'),
};

/** Why {@link pythonWith} may return undefined. */
export const withoutDataTools = 'npm test does not install the data tools, or PyPI is not reachable';

/**
 * Creates a virtual environment with packages. Test files that run side by side may want the same
 * one: the first installs it, the others wait at the lock. uv keeps what it downloaded and
 * unpacked, so the environments share their packages. Where it cannot be had, pip does the same,
 * slowly.
 */
const install = `
import fcntl, os, shutil, subprocess, sys
cache, folder, *packages = sys.argv[1:]

def only_one(folder, content, make):
    complete = os.path.join(folder, "complete")
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(complete) or open(complete).read() != content:
            if os.path.exists(folder):
                shutil.rmtree(folder)
            subprocess.check_call([sys.executable, "-m", "venv", folder])
            make(os.path.join(folder, "bin/python"))
            with open(complete, "w") as file:
                file.write(content)

def pip(python, wanted):
    command = [python, "-m", "pip", "install", "--quiet", "--timeout", "20", "--retries", "1"]
    subprocess.check_call(command + wanted, timeout=400)

def uv(python):
    uv = os.path.join(cache, "bus-uv")
    only_one(uv, "uv==0.13.9", lambda own: pip(own, ["uv==0.13.9"]))
    environment = {**os.environ, "UV_CACHE_DIR": os.path.join(cache, "uv")}
    command = [os.path.join(uv, "bin/uv"), "pip", "install", "--quiet", "--python", python]
    subprocess.check_call(command + packages, timeout=400, env=environment)

def fill(python):
    try:
        uv(python)
    except (OSError, subprocess.SubprocessError):
        pip(python, packages)

only_one(folder, " ".join(packages), fill)
`;

/**
 * Returns the Python of a virtual environment with packages of PyPI, which later runs reuse under
 * this name.
 *
 * @param packages requirements as pip takes them, such as `duckdb==1.5.6`.
 * @throws Error if they cannot be installed, with what the installer said.
 */
export function installPython(name: string, packages: readonly string[]): string {
  const folder = join(cache, `bus-${name}`);
  const python = join(folder, 'bin/python');
  const complete = join(folder, 'complete');
  if (existsSync(complete) && readFileSync(complete, 'utf8') === packages.join(' ')) return python;
  const { status, error, stderr } = spawnSync('python3', ['-c', install, cache, folder, ...packages], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${packages.join(' ')} cannot be installed: ${error?.message ?? stderr}`);
  return python;
}

/** Returns the requirements that a file lists, without its comments. */
export const requirementsIn = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .map(line => line.replace(/#.*/, '').trim())
    .filter(line => line !== '');

/**
 * Returns a Python for tests, as {@link installPython} does; undefined if its packages cannot be
 * installed, or not in `npm test`, which leaves them out because they take a minute.
 */
export function pythonWith(name: string, packages: readonly string[]): string | undefined {
  if (process.env.CAMPAIGNS === 'sample' && !existsSync(join(cache, `bus-${name}`, 'complete'))) return undefined;
  try {
    return installPython(name, packages);
  } catch {
    return undefined;
  }
}
