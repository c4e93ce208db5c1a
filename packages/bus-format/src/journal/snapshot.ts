/** Which files hold the journal at one moment. */
export interface JournalSnapshot {
  /** The last committed job. */
  seq: number;
  /** Commits up to here are in segments; those above are in `hot/`. */
  compactedSeq: number;
  /** Those above, by the last seq of each. */
  hotCommits: readonly number[];
  /** Names in `journal/segments/`. */
  segments: readonly string[];
}

/**
 * How the commits in `hot/` are named in a view. `live`: by a glob, so that whoever has the view
 * open sees every later commit. `frozen`: exactly these files, so that nothing that comes later is
 * seen (exports, time travel).
 */
export type HotFiles =
  | { mode: 'live' }
  | { mode: 'frozen'; commits: readonly number[]; tableFiles: ReadonlyMap<string, readonly string[]> };
