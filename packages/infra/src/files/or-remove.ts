import { rm } from 'node:fs/promises';

/** Runs `work`. If it fails, removes the path as far as possible. */
export async function orRemove<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await rm(path, { force: true }).catch(() => {}); // report the first error
    throw error;
  }
}
