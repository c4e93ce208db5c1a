import { execFileSync, spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import duckdb from '@duckdb/node-api';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** The hardware and software of a measurement. */
export interface Machine {
  date: string;
  processor: string;
  cores: number;
  memoryGib: number;
  fileSystem: string;
  node: string;
  duckdb: string;
  /** The commit that was measured; absent in older results. */
  build?: string;
}

/** Describes this machine. `folder` is on the measured disk. */
export function machine(folder: string): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    fileSystem: execFileSync('df', ['--output=fstype', folder], { encoding: 'utf8' }).trim().split('\n').at(-1) ?? '',
    node: process.version,
    duckdb: duckdb.version(),
    ...buildHere(),
  };
}

/** Returns the commit of this checkout, and whether the measured code differs from it. */
function buildHere(): { build?: string } {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: repository, encoding: 'utf8' });
  const { status, stdout } = git('rev-parse', '--short', 'HEAD');
  if (status !== 0) return {};
  // Not the whole tree: each suite writes its results into docs/.
  const isChanged = git('diff', '--quiet', 'HEAD', '--', 'packages', 'tooling', 'python', 'scripts').status !== 0;
  return { build: `${stdout.trim()}${isChanged ? ' with changes' : ''}` };
}
