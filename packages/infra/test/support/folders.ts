import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { initBusRoot } from '../../src/bus-root.js';

/** Creates a folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-infra-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Creates a folder with a marked bus root in it. */
export async function temporaryBus(): Promise<{ folder: string; busRoot: string }> {
  const folder = temporaryFolder();
  const busRoot = join(folder, 'bus');
  await initBusRoot(busRoot);
  return { folder, busRoot };
}
