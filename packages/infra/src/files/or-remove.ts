import { rm } from 'node:fs/promises';

/** Runs `work`; if it fails, what it left at the path goes too, as far as that is possible. */
export async function orRemove<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await rm(path, { force: true }).catch(() => {}); // what went wrong first is what counts
    throw error;
  }
}
