import { mostFiles } from '../file-thread/claim-folders.js';
import type { ClaimedJob } from '../stages/job.js';

/** Jobs that are verified together, and large ones among them that go their own way. */
export interface Split {
  batch: ClaimedJob[];
  large: ClaimedJob[];
}

/** A job with more than this share of a batch's bytes is large. */
const largeShare = 1 / 4;

/** The first of these jobs whose files together do not exceed `maxBytes`, nor are too many. A job of very many files is alone. */
export function splitBySize(jobs: readonly ClaimedJob[], maxBytes: number): Split {
  const split: Split = { batch: [], large: [] };
  const total = { bytes: 0, files: 0 };
  for (const job of jobs) {
    const { bytes, files } = sizeOf(job);
    if (bytes > maxBytes * largeShare) {
      split.large.push(job);
      continue;
    }
    total.bytes += bytes;
    total.files += files;
    if (split.batch.length > 0 && (total.bytes > maxBytes || total.files > mostFiles)) break;
    split.batch.push(job);
  }
  return split;
}

/** A rough figure is enough: what lies in deeper folders or behind links does not count, and whatever cannot be read is verification's to judge. */
function sizeOf({ files, isCrowded }: ClaimedJob): { bytes: number; files: number } {
  if (isCrowded) return { bytes: 0, files: mostFiles };
  let bytes = 0;
  for (const info of files?.values() ?? []) bytes += info.bytes;
  return { bytes, files: files?.size ?? 0 };
}
