import { type FSWatcher, watch as watchFolder } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArtifactRecord } from './records.js';

/** Which commits are watched. */
export interface WatchOptions {
  producer?: string;
  kind?: string;
  /**
   * Begins behind the job with this seq (0: with the first there is); with the next commit when
   * absent.
   */
  since?: number;
  /** Ends the iteration. */
  signal?: AbortSignal;
}

/** What a watch asks of the catalog. */
export interface WatchSource {
  /** The last job that is committed. */
  lastSeq(): Promise<number>;
  /** Artifacts with `after < seq <= upTo`, oldest first. */
  between(after: number, upTo: number): Promise<ArtifactRecord[]>;
  /** The folder in which every commit makes a name. */
  commitFolder(): Promise<string>;
}

/**
 * A commit is looked for at least this often, where the file system says nothing (a network mount).
 */
const longestWaitMs = 2_000;
/** So many jobs are asked for at once, so that a long past does not have to fit into memory. */
const stepSeqs = 10_000;

/**
 * Every artifact in the order of the commits, those that are there and then those that come, until
 * the signal ends it. The file system tells when a commit is made. To go on later, begin with
 * `since` the seq of the last artifact whose job was taken in whole.
 */
export async function* watchCommits(source: WatchSource, options: WatchOptions): AsyncGenerator<ArtifactRecord> {
  const { producer, kind, signal } = options;
  let after = options.since ?? (await source.lastSeq());
  let wake = new AbortController();
  const isOver = () => signal?.aborted === true;
  const lookAgain = () => wake.abort();
  const watcher = tryWatch(await source.commitFolder(), lookAgain);
  signal?.addEventListener('abort', lookAgain);
  try {
    while (!isOver()) {
      wake = new AbortController(); // before looking, so that what comes while we look ends the next wait at once
      const last = await source.lastSeq();
      for (; after < last; after = Math.min(last, after + stepSeqs))
        for (const artifact of await source.between(after, Math.min(last, after + stepSeqs))) {
          if (isOver()) return;
          if ((producer ?? artifact.producer) === artifact.producer && (kind ?? artifact.kind) === artifact.kind)
            yield artifact;
        }
      if (after >= (await source.lastSeq()))
        await sleep(longestWaitMs, undefined, { signal: wake.signal }).catch(() => {});
    }
  } finally {
    watcher?.close();
    signal?.removeEventListener('abort', lookAgain);
  }
}

function tryWatch(folder: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watchFolder(folder, onChange).on('error', () => {});
  } catch {
    return undefined;
  }
}
