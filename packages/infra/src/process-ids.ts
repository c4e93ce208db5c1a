import { readdirSync } from 'node:fs';

/** Returns the ids of this machine's processes, as /proc lists them; none without /proc. */
export function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}
