import { rmdirSync, unlinkSync } from 'node:fs';
import { rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { smallFileBytes } from '@quantbot/infra/files';
import type { FetchedJob } from './cluster.js';

/**
 * Removes the folder of a job with its files. Node's `rm` takes several times as much processor
 * time, and every job pays it.
 */
export async function removeJobFolder({ folder, files = new Map() }: FetchedJob): Promise<void> {
  try {
    for (const [name, { bytes }] of files)
      if (bytes <= smallFileBytes) unlinkSync(join(folder, name));
      else await unlink(join(folder, name));
    rmdirSync(folder);
  } catch {
    await rm(folder, { recursive: true, force: true }); // it is gone, or something else is there
  }
}
