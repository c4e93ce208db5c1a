import { readFileSync } from 'node:fs';

/** The largest resident size that a process has had so far (MB); 0 where the system does not tell. */
export function peakResidentMb(pid: number | 'self'): number {
  try {
    const kb = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kb ?? 0) / 1024;
  } catch {
    return 0; // it has ended
  }
}
