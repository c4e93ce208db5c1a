import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '../..');

/** Whether there is a Python that the bus's scripts run on. */
export const hasPython =
  spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))'], { stdio: 'ignore' }).status === 0;

/**
 * A Python with the data tools that people produce Parquet with, in a virtual environment that is kept for the next time; undefined where they
 * cannot be installed.
 */
export function pythonWithDataTools() {
  const folder = join(repository, 'node_modules/.cache/bus-python');
  const python = join(folder, 'bin/python');
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return python;
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' });
    const install = ['-m', 'pip', 'install', '--quiet', '--timeout', '20', '--retries', '1'];
    const tools = ['pandas', 'pyarrow', 'polars', 'duckdb', 'setuptools', 'wheel'];
    execFileSync(python, [...install, ...tools], { stdio: 'ignore', timeout: 400_000 });
    writeFileSync(complete, '');
    return python;
  } catch {
    return undefined;
  }
}
