import { readFileSync } from 'node:fs';

/** The resources that a process has used so far. */
export interface ProcessUsage {
  cpuMs: number;
  residentBytes: number;
}

/** The unit in which Linux reports processor time, whatever the kernel's own tick is. */
const tickMs = 10;

/**
 * Returns the resources that a process has used; undefined if it has ended or there is no `/proc`.
 */
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
