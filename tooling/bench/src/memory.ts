import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Returns the peak resident size of a process (MB); 0 if unknown. */
export function peakResidentMb(pid: number | 'self'): number {
  try {
    const kb = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kb ?? 0) / 1024;
  } catch {
    return 0; // it has ended
  }
}

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
