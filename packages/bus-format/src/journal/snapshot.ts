/** The files that hold the journal at one moment. */
export interface JournalSnapshot {
  /** The last committed job. */
  seq: number;
  /** Commits up to this seq are in segments; later ones are in `hot/`. */
  compactedSeq: number;
  /** The commits after `compactedSeq`, by the last seq of each. */
  hotCommits: readonly number[];
  /** Names in `journal/segments/`. */
  segments: readonly string[];
  /** Whether an artifact was ever forgotten. Undefined on a bus that cannot forget. */
  hasForgotten?: boolean;
  /**
   * Whether a restored artifact may have another place than before, as on a cluster. The view
   * `_bus.places` then names it.
   */
  hasPlaces?: boolean;
}

/**
 * How a view names the commits in `hot/`. `live`: by a glob, so that an open view also shows later
 * commits. `frozen`: by exactly these files, so that later commits stay invisible (exports).
 */
export type HotCommits = { mode: 'live' } | { mode: 'frozen'; commits: readonly number[] };
