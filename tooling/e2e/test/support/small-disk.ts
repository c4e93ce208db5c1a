import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { onTestFinished } from 'vitest';

/**
 * Creates a bus with its data on a small disk; returns undefined if the machine does not allow one.
 */
export function busOnSmallDisk(minFreeBytes = 0): TestBus | undefined {
  const bus = makeTestBus({ min_free_bytes: minFreeBytes });
  const data = join(bus.folder, 'data');
  mkdirSync(data);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', data], { stdio: 'pipe' });
  } catch (error) {
    console.log(`skipped: a small disk cannot be made here (${(error as Error).message.split('\n')[0]})`);
    return undefined;
  }
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', data]);
  });
  return bus;
}

/** Fills the disk except for some bytes. Returns a function that frees them. */
export function fillDisk(bus: TestBus, leave: number): () => void {
  const path = join(bus.folder, 'data/ballast');
  const { bavail, bsize } = statfsSync(join(bus.folder, 'data'));
  writeFileSync(path, Buffer.alloc(bavail * bsize - leave));
  return () => rmSync(path);
}
