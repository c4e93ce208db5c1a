import { type FSWatcher, watch as watchFolder } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArtifactRecord } from './records.js';

/** Which commits to watch. */
export interface WatchOptions {
  producer?: string;
  kind?: string;
  /**
   * Starts after the job with this seq (0: with the first job); by default with the next commit.
   */
  since?: number;
  /** Ends the iteration. */
  signal?: AbortSignal;
}

/** What a watch needs from the catalog. */
export interface WatchSource {
  /** The seq of the last committed job. */
  lastSeq(): Promise<number>;
  /** Artifacts with `after < seq <= upTo`, oldest first. */
  between(after: number, upTo: number): Promise<ArtifactRecord[]>;
  /** The folder in which every commit creates a name, if it is on this machine. */
  commitFolder(): Promise<string | undefined>;
  /** Jobs per query, so that a long past need not fit into memory. */
  stepSeqs: number;
}

/** The longest wait between polls, for file systems without events (a network mount). */
const maxWaitMs = 2_000;

/**
 * Yields every artifact in the order of the commits, existing ones first, until the signal aborts.
 * To continue later, pass as `since` the seq of the last job that was handled completely.
 */
export async function* watchCommits(source: WatchSource, options: WatchOptions): AsyncGenerator<ArtifactRecord> {
  const { producer, kind, signal } = options;
  const { stepSeqs } = source;
  let after = options.since ?? (await source.lastSeq());
  let wake = new AbortController();
  const isOver = () => signal?.aborted === true;
  const lookAgain = () => wake.abort();
  const watcher = tryWatch(await source.commitFolder(), lookAgain);
  signal?.addEventListener('abort', lookAgain);
  try {
    while (!isOver()) {
      wake = new AbortController(); // before the query, so that a commit during the query ends the next wait at once
      const last = await source.lastSeq();
      for (; after < last; after = Math.min(last, after + stepSeqs))
        for (const artifact of await source.between(after, Math.min(last, after + stepSeqs))) {
          if (isOver()) return;
          if ((producer ?? artifact.producer) === artifact.producer && (kind ?? artifact.kind) === artifact.kind)
            yield artifact;
        }
      if (after >= (await source.lastSeq())) await sleep(maxWaitMs, undefined, { signal: wake.signal }).catch(() => {});
    }
  } finally {
    watcher?.close();
    signal?.removeEventListener('abort', lookAgain);
  }
}

function tryWatch(folder: string | undefined, onChange: () => void): FSWatcher | undefined {
  if (folder === undefined) return undefined;
  try {
    return watchFolder(folder, onChange).on('error', () => {});
  } catch {
    return undefined;
  }
}
