import { readFileSync } from 'node:fs';

/**
 * The number of descriptors that a command needs at least. Loading its code takes about a hundred,
 * and a daemon adds its files, threads and processes.
 */
export const neededDescriptors = 192;

/**
 * Whether this process may open enough files. If not, it prints the reason, and sets the exit code.
 * It imports nothing but Node.js itself: without descriptors no other module can be loaded.
 *
 * @param limits the content of `/proc/self/limits`. On systems without it, the function returns
 * true.
 */
export function hasDescriptors(limits = readLimits()): boolean {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (limit >= neededDescriptors) return true;
  console.error(`TOO_FEW_DESCRIPTORS: This process may open ${limit} files; it needs ${neededDescriptors}.`);
  console.error(`Try: ${descriptorHint}`);
  process.exitCode = 1;
  return false;
}

/** The hint of the code `TOO_FEW_DESCRIPTORS`. */
export const descriptorHint =
  'Raise the limit of open files where the command is started: `ulimit -n 1024`, LimitNOFILE= of its service, or --ulimit of its container.';

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
