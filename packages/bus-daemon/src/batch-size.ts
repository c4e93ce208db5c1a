import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClaimedJob } from './stages/job.js';

/**
 * The first of these jobs whose files together do not exceed `maxBytes`, but always one: small jobs do not wait for large ones longer than for a single
 * commit.
 */
export function withinBytes(jobs: readonly ClaimedJob[], maxBytes: number): ClaimedJob[] {
  let bytes = 0;
  const end = jobs.findIndex((job, index) => {
    bytes += bytesIn(job.folder);
    return index > 0 && bytes > maxBytes;
  });
  return end < 0 ? [...jobs] : jobs.slice(0, end);
}

/** A rough figure is enough: what lies in deeper folders or behind links does not count, and whatever cannot be read is verification's to judge. */
function bytesIn(folder: string): number {
  try {
    if (!lstatSync(folder).isDirectory()) return 0;
    return readdirSync(folder).reduce(
      (sum, name) => sum + (lstatSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  } catch {
    return 0;
  }
}
