import { readdirSync } from 'node:fs';
import { childrenOf, cpuSecondsOfTree, procFile } from './memory.js';

/** Processor time of a daemon by part (milliseconds). */
export interface CpuByPart {
  /** The main thread: verifies, decides and commits. */
  main: number;
  /** The file threads: one stores, the other claims and settles. The busier one first. */
  files: [number, number];
  /** The process that decodes. */
  decoder: number;
  /** Threads of Node.js: garbage collection, compilation of the code, flushes. */
  helpers: number;
}

/** Returns what the parts of a daemon have taken until now. */
export function cpuByPart(pid: number): CpuByPart {
  const threads = threadsOf(pid).map(tid => ({ tid, ...statOf(`${pid}/task/${tid}`) }));
  const main = threads.find(({ tid }) => tid === pid)?.cpuMs ?? 0;
  // Node.js names its own threads by the program. The others bear the title of the daemon.
  const [first = 0, second = 0] = threads
    .filter(({ tid, name }) => tid !== pid && name.startsWith('bus_daemon'))
    .map(({ cpuMs }) => cpuMs)
    .sort((a, b) => b - a);
  const all = threads.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  return {
    main,
    files: [first, second],
    decoder: workersOf(pid, 'inspect').reduce((sum, worker) => sum + cpuSecondsOfTree(worker) * 1000, 0),
    helpers: all - main - first - second,
  };
}

const workersOf = (pid: number, name: string): number[] =>
  childrenOf(pid).filter(child => procFile(child, 'cmdline').startsWith(`bus_worker ${name}`));

/**
 * Watches the processes that compact for a daemon; each ends when it is idle. Returns a function
 * that returns their processor time (milliseconds).
 */
export function watchCompaction(pid: number): () => number {
  const spent = new Map<number, number>();
  const timer = setInterval(() => {
    for (const worker of workersOf(pid, 'write'))
      spent.set(worker, Math.max(spent.get(worker) ?? 0, cpuSecondsOfTree(worker) * 1000));
  }, 50);
  return () => {
    clearInterval(timer);
    return [...spent.values()].reduce((sum, ms) => sum + ms, 0);
  };
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

function statOf(place: string): { name: string; cpuMs: number } {
  const text = procFile(place, 'stat');
  const fields = text.replace(/^.*\) /, '').split(' ');
  const name = /\((.*)\)/.exec(text)?.[1] ?? '';
  return { name, cpuMs: (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10 };
}
