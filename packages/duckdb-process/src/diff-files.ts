import { type ArtifactDiff, diffArtifacts } from './diff/artifacts.js';
import type { DiffTask } from './protocol.js';
import { nextSpillFolder } from './spill.js';
import { withTimeLimit } from './time-limit.js';

/**
 * Compares two artifacts. Shows fewer rows if the answer would have too many bytes.
 *
 * @throws DaemonError as `diffArtifacts`, `QUERY_TIMEOUT`.
 */
export async function diffFiles(task: DiffTask, cancelled: AbortSignal): Promise<ArtifactDiff> {
  const { left, right, timeoutMs, maxBytes, task: _, ...options } = task;
  const diff = await withTimeLimit(timeoutMs, cancelled, signal =>
    diffArtifacts(left, right, { ...options, spillFolder: nextSpillFolder(), signal }),
  );
  return { ...diff, rows: withinBytes(diff.rows, maxBytes) };
}

/** Leaves out rows until the text of the others has few enough bytes. */
function withinBytes(rows: ArtifactDiff['rows'], maxBytes: number): ArtifactDiff['rows'] {
  let left = maxBytes;
  const first = <Row>(shown: Row[]): Row[] => {
    const end = shown.findIndex(row => {
      left -= Buffer.byteLength(JSON.stringify(row));
      return left < 0;
    });
    return end < 0 ? shown : shown.slice(0, end);
  };
  const { onlyInLeft, onlyInRight, changed } = rows;
  return {
    ...rows,
    changed: changed && { ...changed, shown: first(changed.shown) },
    onlyInLeft: { ...onlyInLeft, shown: first(onlyInLeft.shown) },
    onlyInRight: { ...onlyInRight, shown: first(onlyInRight.shown) },
  };
}
