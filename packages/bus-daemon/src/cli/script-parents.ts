import { readFileSync } from 'node:fs';

/**
 * Returns the processes between this one and the caller of a package manager's script, as pairs of
 * process and parent. Returns none if this process was started in any other way. A package manager
 * started by `npx` dies of a signal without forwarding it, and its children stay behind.
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

/** Returns undefined if the process has ended or there is no /proc. */
function parentOf(pid: number): number | undefined {
  const match = /^PPid:\s*(\d+)$/m.exec(read(`/proc/${pid}/status`) ?? '');
  return match === null ? undefined : Number(match[1]);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined; // ended, another user's, or no /proc: then only this process's own parent is watched
  }
}
