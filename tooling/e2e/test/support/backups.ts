import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestBus, testBusIn } from '@quantbot/tooling-testing/test-bus';

/** Settings under which the journal is compacted after two commits. */
export const compacting = { compaction: { hot_commits: 2, idle_s: 0.1, release_grace_s: 0 } };

/** Where the tests keep the backup of a bus. */
export const backupFolder = (bus: TestBus): string => join(bus.folder, 'backup');

/** Creates a bus from a copy of the backup, in another place, where no daemon has run yet. */
export function restoredBus(bus: TestBus, settings: Record<string, unknown> = {}): TestBus {
  const folder = join(bus.folder, `restored-${readdirSync(bus.folder).length}`);
  mkdirSync(folder);
  cpSync(backupFolder(bus), join(folder, 'data/bus'), { recursive: true, preserveTimestamps: true });
  return testBusIn(folder, settings);
}
