import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { repository } from './scripts.js';

let copy: string | undefined;

/** Removes the copy. A test file calls it after its last test. */
export function removeCopy(): void {
  if (copy !== undefined) rmSync(copy, { recursive: true, force: true });
  copy = undefined;
}

/**
 * Returns a repository whose built programs every user can run. This is a copy of the built
 * packages if the repository is below a folder that others may not enter, such as root's home.
 */
export function reachableRepository(): string {
  if (othersMayEnter(repository)) return repository;
  copy ??= copyBuilt();
  return copy;
}

/** Returns the path of the command line for other users. */
export const reachableCli = (): string => join(reachableRepository(), 'packages/bus-daemon/dist/cli.js');

function othersMayEnter(folder: string): boolean {
  const above = dirname(folder);
  return (statSync(folder).mode & 0o001) !== 0 && (above === folder || othersMayEnter(above));
}

/** Copies the built packages to a folder that every user may enter. */
export function copyBuilt(): string {
  const to = mkdtempSync(join(tmpdir(), 'quantbot-built-'));
  chmodSync(to, 0o755);
  const built = readdirSync(join(repository, 'packages')).flatMap(name =>
    readdirSync(join(repository, 'packages', name))
      .filter(entry => ['dist', 'node_modules', 'package.json', 'schema'].includes(entry))
      .map(entry => join('packages', name, entry)),
  );
  for (const path of ['node_modules', 'scripts', 'python', ...built]) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    const [from, into] = [join(repository, path), join(to, path)];
    // Links where the file system allows them: there are tens of thousands of files.
    if (spawnSync('cp', ['-al', from, into]).status === 0) continue;
    rmSync(into, { recursive: true, force: true });
    const copied = spawnSync('cp', ['-a', from, into], { encoding: 'utf8' });
    if (copied.status !== 0) throw new Error(copied.stderr);
  }
  return to;
}
