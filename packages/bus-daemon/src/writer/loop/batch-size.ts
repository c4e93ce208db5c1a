import { maxFiles } from '../file-thread/claim-folders.js';
import type { ClaimedJob } from '../job.js';
import { isLarge } from '../stages/large.js';

/** Jobs to verify together, and large jobs to verify separately. */
export interface Split {
  batch: ClaimedJob[];
  large: ClaimedJob[];
}

/**
 * Splits off the first jobs whose files stay within `maxBytes` and a number of files. A job with
 * very many files is alone. A job of unknown size may be large.
 */
export function splitBySize(jobs: readonly ClaimedJob[], maxBytes: number): Split {
  const split: Split = { batch: [], large: [] };
  const total = { bytes: 0, files: 0 };
  for (const job of jobs) {
    const size = sizeOf(job);
    if (size === undefined || isLarge(size.bytes, maxBytes)) {
      split.large.push(job);
      continue;
    }
    total.bytes += size.bytes;
    total.files += size.files;
    if (split.batch.length > 0 && (total.bytes > maxBytes || total.files > maxFiles)) break;
    split.batch.push(job);
  }
  return split;
}

/** A rough figure suffices: verification judges everything that is not a file. */
function sizeOf({ files }: ClaimedJob): { bytes: number; files: number } | undefined {
  if (files === undefined) return undefined;
  let bytes = 0;
  for (const info of files.values()) bytes += info.bytes;
  return { bytes, files: files.size };
}
