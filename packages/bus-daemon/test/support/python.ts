import { symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hasPython } from '@quantbot/tooling-config/python';
import { type Child, packageFolder, startChild } from './child.js';
import type { TestBus } from './test-bus.js';

/** The root of the repository, where `scripts/` and `python/` are. */
export const repository = resolve(packageFolder, '../..');

/** For the title of what is skipped without it. */
export const skippedWithoutPython = hasPython ? '' : ' (skipped: there is no python3 of 3.9 or newer)';

/** Puts `scripts/` into the folder of a bus, so that the guide's commands can be run there word for word. */
export const linkScripts = (bus: TestBus): void =>
  symlinkSync(join(repository, 'scripts'), join(bus.folder, 'scripts'));

/** Python writes no caches into the repository, and imports the sources of the checkout. */
const environment = { PYTHONDONTWRITEBYTECODE: '1', PYTHONPATH: join(repository, 'python/src') };

/** Starts `python3` in the folder of a bus. */
export const startPython = (bus: TestBus, args: readonly string[], python = 'python3'): Child =>
  startChild(python, args, bus.folder, environment);

/** What a program wrote, and how it ended. */
export interface PythonResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `python3` in the folder of a bus to its end. */
export async function runPython(bus: TestBus, args: readonly string[], python?: string): Promise<PythonResult> {
  const child = startPython(bus, args, python);
  const { code } = await child.ended;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}
