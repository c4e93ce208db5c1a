import { join } from 'node:path';
import { makeSpillFolder } from '@quantbot/storage/sandbox';

/**
 * The prefix comes from the daemon, which removes everything with this prefix after this process
 * has ended.
 */
let prefix = process.argv[3];
let count = 0;

/** Returns a new spill folder for one database. DuckDB creates it when it needs it. */
export function nextSpillFolder(): string {
  prefix ??= join(makeSpillFolder().path, 'spill');
  return `${prefix}-${count++}`;
}
