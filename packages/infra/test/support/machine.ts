import { execFileSync } from 'node:child_process';
import { onTestFinished, type TestContext } from 'vitest';
import { temporaryFolder } from './folders.js';

/** Mounts a file system of this many KiB. Skips the test if mounting is not allowed. */
export function tinyDisk({ skip }: TestContext, kib: number): string {
  const folder = temporaryFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    skip('nothing may be mounted here');
  }
  onTestFinished(() => {
    execFileSync('umount', [folder]);
  });
  return folder;
}

/** Runs `work` as a user without root's rights. */
export async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  process.seteuid?.(65534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
