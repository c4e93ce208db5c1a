import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPython, requirementsIn } from '@quantbot/tooling-testing/python';

const sources = fileURLToPath(new URL('../python', import.meta.url));

/**
 * Returns a Python with the contenders' packages, in a virtual environment that later runs reuse;
 * undefined if they cannot be installed.
 */
export function findPython(): string | undefined {
  try {
    return installPython('bench', requirementsIn(join(sources, 'requirements.txt')));
  } catch {
    return undefined;
  }
}

/** Returns the command line of a Python program of this package. */
export const pythonProgram = (python: string, name: string): string[] => [python, join(sources, `${name}.py`)];
