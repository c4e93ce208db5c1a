import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';

/** What a process has used so far. */
export interface ProcessUsage {
  cpuMs: number;
  residentBytes: number;
}

/** Linux counts processor time in these, whatever the kernel's own tick is. */
const tickMs = 10;

/** Returns what a process has used; undefined when it is gone, or the system has no `/proc`. */
export function usageOf(pid: number): ProcessUsage | undefined {
  try {
    // The name, in parentheses, may hold anything; the fields behind it are numbers.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return {
      cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
      residentBytes: Number(resident?.[1] ?? 0) * 1024,
    };
  } catch {
    return undefined;
  }
}

/** The memory that this machine, or the container that we run in, has (bytes). */
export function machineMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
