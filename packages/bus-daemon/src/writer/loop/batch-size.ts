import { mostFiles } from '../file-thread/claim-folders.js';
import type { ClaimedJob } from '../job.js';
import { isLarge } from '../stages/large.js';

/** Jobs that are verified together, and large ones among them that go their own way. */
export interface Split {
  batch: ClaimedJob[];
  large: ClaimedJob[];
}

/**
 * The first of these jobs whose files together do not exceed `maxBytes`, nor are too many. A job of
 * very many files is alone. One whose size cannot be seen at a glance may be large.
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
    if (split.batch.length > 0 && (total.bytes > maxBytes || total.files > mostFiles)) break;
    split.batch.push(job);
  }
  return split;
}

/** A rough figure is enough: whatever is no file is verification's to judge. */
function sizeOf({ files }: ClaimedJob): { bytes: number; files: number } | undefined {
  if (files === undefined) return undefined;
  let bytes = 0;
  for (const info of files.values()) bytes += info.bytes;
  return { bytes, files: files.size };
}
