import { mkdtempSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processIds } from '@quantbot/infra';
import { onTestFinished } from 'vitest';
import { eventually } from './eventually.js';

/**
 * Makes a folder that is gone after the test. Processes of a test run in its folder, so one that
 * outlives the test is found by that: it is ended, and the test fails.
 */
export function temporaryFolder(): string {
  const { folder, remove } = sharedFolder();
  onTestFinished(remove);
  return folder;
}

/** Makes a folder for several tests: a {@link temporaryFolder} that is gone after `remove`. */
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
 * The processes whose working folder is the folder or below it (Linux; elsewhere none are seen).
 */
export function processesIn(folder: string): number[] {
  return processIds().filter(pid => {
    try {
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      return pid !== process.pid && (cwd === folder || cwd.startsWith(`${folder}/`));
    } catch {
      return false; // gone meanwhile
    }
  });
}
