import { readlinkSync } from 'node:fs';

/**
 * Returns the name of this process's PID namespace (each container has its own); undefined outside
 * of Linux.
 */
export function pidNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
}
