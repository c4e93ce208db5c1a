import { readlinkSync } from 'node:fs';

/**
 * Names the world of processes that this process sees, which containers have of their own;
 * undefined outside of Linux.
 */
export function pidNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
}
