import { join } from 'node:path';
import { makeSpillFolder } from '@quantbot/storage/sandbox';

/**
 * Named by the daemon, which removes everything of this name once this process is gone, however it
 * ended.
 */
let prefix = process.argv[3];
let count = 0;

/**
 * A folder that does not exist yet, for what one database spills. DuckDB makes it when it needs it.
 */
export function nextSpillFolder(): string {
  prefix ??= join(makeSpillFolder().path, 'spill');
  return `${prefix}-${count++}`;
}
