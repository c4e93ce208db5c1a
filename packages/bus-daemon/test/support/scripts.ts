import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '@quantbot/tooling-testing/child';

/** The package's own folder. */
export const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

/** Runs one of the scripts of test/support with Node. */
export const startScript = (name: string, args: readonly string[], cwd: string): Child =>
  startChild(process.execPath, [fileURLToPath(new URL(name, import.meta.url)), ...args], cwd);
