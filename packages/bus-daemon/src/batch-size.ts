import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileNames } from '@quantbot/infra';
import type { ClaimedJob } from './stages/job.js';

/** Jobs that are verified together, and large ones among them that go their own way. */
export interface Split {
  batch: ClaimedJob[];
  large: ClaimedJob[];
}

const protocolFiles = new Set<string>(Object.values(fileNames));

/** A job with more than this share of a batch's bytes is large. */
const largeShare = 1 / 4;

/** The first of these jobs whose files together do not exceed `maxBytes`. */
export function splitBySize(jobs: readonly ClaimedJob[], maxBytes: number): Split {
  const split: Split = { batch: [], large: [] };
  let total = 0;
  for (const job of jobs) {
    const bytes = bytesIn(job.folder);
    if (bytes > maxBytes * largeShare) split.large.push(job);
    else if (total + bytes > maxBytes) break;
    else {
      split.batch.push(job);
      total += bytes;
    }
  }
  return split;
}

/** A rough figure is enough: what lies in deeper folders or behind links does not count, and whatever cannot be read is verification's to judge. */
function bytesIn(folder: string): number {
  try {
    if (!lstatSync(folder).isDirectory()) return 0;
    return readdirSync(folder)
      .filter(name => !protocolFiles.has(name))
      .reduce((sum, name) => sum + (lstatSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
  } catch {
    return 0;
  }
}
