import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Returns the peak resident size of a process (MB); 0 if unknown. */
export const peakResidentMb = (pid: number | 'self'): number =>
  Number(/^VmHWM:\s+(\d+) kB/m.exec(procFile(pid, 'status'))?.[1] ?? 0) / 1024;

/**
 * Touches most of the free memory once and releases it. A virtual machine gets memory from its host
 * when it first touches it. Writing a file into untouched memory takes up to ten times as long, so
 * the first contender would pay for all others.
 */
export function touchFreeMemory(): void {
  const availableKb = Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0);
  const blocks = Math.floor((availableKb * 0.75) / 1024 / 256);
  const touch = `const blocks = []; for (let i = 0; i < ${blocks}; i++) blocks.push(Buffer.alloc(256 * 1024 * 1024, 1));`;
  execFileSync(process.execPath, ['-e', touch]);
}

/** The process of a tree that took most memory. */
export interface LargestProcess {
  name: string;
  mb: number;
}

/**
 * Watches a process and all processes below it. Returns a function that returns the largest sum of
 * their memory at one moment (MB), and the process that ever took most.
 */
export function watchTree(pid: number): () => { peakMb: number; largest: LargestProcess } {
  let peakMb = 0;
  let largest: LargestProcess = { name: '', mb: 0 };
  const look = () => {
    const sizes = treeOf(pid).map(member => ({ name: titleOf(member), mb: proportionalMb(member) }));
    for (const size of sizes) if (size.mb > largest.mb) largest = { name: size.name, mb: Math.round(size.mb) };
    peakMb = Math.max(
      peakMb,
      sizes.reduce((sum, { mb }) => sum + mb, 0),
    );
  };
  const timer = setInterval(look, 200);
  return () => {
    clearInterval(timer);
    return { peakMb: Math.round(peakMb), largest };
  };
}

/** Returns a file of a process, or nothing if the process has ended. */
export function procFile(pid: number | string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

const treeOf = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(treeOf)];

/** Returns the processes that the main thread of a process has started. */
export function childrenOf(pid: number): number[] {
  const children = procFile(pid, `task/${pid}/children`);
  return children.split(' ').filter(Boolean).map(Number);
}

const titleOf = (pid: number): string => procFile(pid, 'cmdline').split(/[\0 ]/, 2).join(' ');

/** Memory that processes share counts for each of them in part. */
const proportionalMb = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB/m.exec(procFile(pid, 'smaps_rollup'))?.[1] ?? 0) / 1024;

/** Returns the processor time of a process and of all below it, also of ended ones (seconds). */
export const cpuSecondsOfTree = (pid: number): number =>
  treeOf(pid)
    .map(member =>
      procFile(member, 'stat')
        .replace(/^.*\) /, '')
        .split(' '),
    )
    .reduce((sum, fields) => sum + fields.slice(11, 15).reduce((ticks, field) => ticks + Number(field ?? 0), 0), 0) /
  100;

/**
 * Watches the processor time of a process and of all below it. Returns a function that returns the
 * seconds until the last look, also after they have ended.
 */
export const watchCpu = (pid: number): (() => number) => watchMost(() => cpuSecondsOfTree(pid), 50);

/** Watches a figure. Returns a function that returns the largest that was seen. */
export function watchMost(look: () => number, everyMs: number): () => number {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, look());
  }, everyMs);
  return () => {
    clearInterval(timer);
    return most;
  };
}

/** Processor time of the children of this process that have ended, and of theirs (seconds). */
export function childCpuSeconds(): number {
  const ticksPerSecond = 100;
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}
