import { mkdtempSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processIds } from '@quantbot/infra/bus';
import { onTestFinished } from 'vitest';
import { eventually } from './eventually.js';

/**
 * Creates a folder that is removed after the test. A process whose working folder is still there
 * has outlived the test: it is killed, and the test fails.
 */
export function temporaryFolder(): string {
  const { folder, remove } = sharedFolder();
  onTestFinished(remove);
  return folder;
}

/** Creates a {@link temporaryFolder} for several tests, which `remove` removes. */
export function sharedFolder(): { folder: string; remove(): Promise<void> } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'quantbot-daemon-')));
  return { folder, remove: () => removeFolder(folder) };
}

async function removeFolder(folder: string): Promise<void> {
  const strays = await eventually(
    () => processesIn(folder),
    pids => pids.length === 0,
    30_000,
  ).catch(() => processesIn(folder));
  for (const pid of strays) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  if (strays.length > 0) throw new Error(`The test left processes behind: ${strays.join(', ')}`);
}

/**
 * Returns the processes whose working folder is this folder or below it (Linux only; elsewhere
 * none).
 */
export function processesIn(folder: string): number[] {
  return processIds().filter(pid => {
    try {
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      return pid !== process.pid && (cwd === folder || cwd.startsWith(`${folder}/`));
    } catch {
      return false; // the process has ended meanwhile
    }
  });
}
