import type { Segment } from './files.js';

/**
 * A segment is merged with its elder once it has grown to this part of it: the number of segments
 * stays logarithmic.
 */
const tierFactor = 4;
/** Segments beyond this size are not merged any more, so that no step takes for ever. */
const maxMergedBytes = 1024 * 1024 * 1024;

/**
 * The youngest segments that are to become one: each elder is taken in while it is not much larger
 * than all younger together.
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
