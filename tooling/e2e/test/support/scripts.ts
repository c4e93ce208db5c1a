import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '@quantbot/tooling-testing/child';

/** The root of the repository, where `docs/`, `scripts/` and `python/` are. */
export const repository = join(import.meta.dirname, '../../../..');

/** The package of the daemon. */
export const daemonFolder = join(repository, 'packages/bus-daemon');

/** Runs one of the scripts of this folder with Node. */
export const startScript = (name: string, args: readonly string[], cwd: string): Child =>
  startChild(process.execPath, [fileURLToPath(new URL(name, import.meta.url)), ...args], cwd);
