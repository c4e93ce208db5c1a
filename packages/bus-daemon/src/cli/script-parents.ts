import { readFileSync } from 'node:fs';

/**
 * The processes between us and whoever started us through a package manager's script, as pairs of
 * process and parent; none when we were started in any other way. Package managers started by `npx`
 * die of a signal without passing it on, and leave those below them behind.
 */
export function scriptParents(env = process.env): [pid: number, parent: number][] {
  if (env.npm_lifecycle_event === undefined) return [];
  const chain: [number, number][] = [[process.pid, process.ppid]];
  for (let pid = process.ppid; pid > 1 && isPartOfScript(pid); ) {
    const parent = parentOf(pid);
    if (parent === undefined) break;
    chain.push([pid, parent]);
    pid = parent;
  }
  return chain;
}

/** Returns whether one of them has lost its parent. */
export const isOrphaned = (chain: readonly (readonly [pid: number, parent: number])[]): boolean =>
  chain.some(([pid, parent]) => (pid === process.pid ? process.ppid : parentOf(pid)) !== parent);

function isPartOfScript(pid: number): boolean {
  return (
    read(`/proc/${pid}/environ`)
      ?.split('\0')
      .some(entry => entry.startsWith('npm_lifecycle_event=')) ?? false
  );
}

/** Undefined when the process is gone, and where there is no /proc. */
function parentOf(pid: number): number | undefined {
  const match = /^PPid:\s*(\d+)$/m.exec(read(`/proc/${pid}/status`) ?? '');
  return match === null ? undefined : Number(match[1]);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined; // gone, not ours, or no /proc: then only our own parent is watched
  }
}
