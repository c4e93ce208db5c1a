import type { Segment } from './files.js';

/**
 * A segment is merged with the next older one unless that one is at least this many times larger.
 * This keeps the number of segments logarithmic.
 */
const tierFactor = 4;
/** No merge creates a larger segment than this, which bounds the time of one step. */
const maxMergedBytes = 1024 * 1024 * 1024;

/**
 * Returns the newest segments to merge into one. It adds the next older segment as long as that is
 * not much larger than all newer ones together.
 */
export function segmentsToMerge(live: readonly Segment[]): readonly Segment[] {
  let from = live.length - 1;
  let bytes = live.at(-1)?.bytes ?? 0;
  while (from > 0) {
    const elder = live[from - 1] as Segment;
    if (elder.bytes >= tierFactor * bytes || elder.bytes + bytes > maxMergedBytes) break;
    bytes += elder.bytes;
    from--;
  }
  return live.slice(from);
}

/** Fewer segments than this stay as they are. */
const minSegments = 4;
/** The oldest segment of a merge has at most this share of its bytes. */
const maxElderShare = 1 / 3;

/**
 * {@link segmentsToMerge} with more patience: it leaves up to three segments of each size, and
 * rewrites a byte about half as often. For rows that readers only append to each other, so that one
 * more file costs them little.
 */
export function similarSegmentsToMerge(live: readonly Segment[]): readonly Segment[] {
  let group = live.slice(-1);
  let bytes = group[0]?.bytes ?? 0;
  for (let from = live.length - 2; from >= 0; from--) {
    const elder = live[from] as Segment;
    bytes += elder.bytes;
    if (bytes > maxMergedBytes) break;
    if (live.length - from >= minSegments && elder.bytes <= bytes * maxElderShare) group = live.slice(from);
  }
  return group;
}
