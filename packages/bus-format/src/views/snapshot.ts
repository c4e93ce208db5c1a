import type { StoredFile } from '../canon/journalled.js';
import type { CanonTable } from '../canon/table.js';
import type { HotCommits, JournalSnapshot } from '../journal/snapshot.js';
import type { TableNames } from '../journal/table-names.js';

/** A file of a canonical table in `hot/`, which is a second link to a stored file. */
export interface HotTableFile extends StoredFile {
  /** Absolute path of the link. */
  path: string;
}

/** Exactly these commits, with the files of each canonical table in the order of their jobs. */
export type FrozenHot = Extract<HotCommits, { mode: 'frozen' }> & {
  tableFiles: ReadonlyMap<string, readonly HotTableFile[]>;
};

/** {@link HotCommits} with the files of canonical tables. */
export type HotFiles = Extract<HotCommits, { mode: 'live' }> | FrozenHot;

/** The files that hold the journal and the canonical tables at one moment. */
export interface Snapshot extends JournalSnapshot {
  tables: readonly TableFiles[];
  /** The names of the tables; by default, each has its first one. */
  names?: TableNames;
}

/** A canonical table and its compacted files. */
export interface TableFiles {
  table: CanonTable;
  /** Names in `canon/<table>/`. */
  segments: readonly string[];
  /** Whether each segment was made for the mode of the table, and so holds only rows to show. */
  areShown?: boolean;
  /** The newest job of the table that is in segments, if its mode needs it; otherwise 0. */
  newestCompacted: number;
  /**
   * Commits up to this seq are in its segments. Equals {@link Snapshot.compactedSeq}, unless a
   * damaged file blocks the table.
   */
  compactedSeq: number;
  /** The commits in `hot/` that it still needs besides those of the snapshot. */
  behind: readonly number[];
}

/** The catalog's facts about the bus itself. */
export interface BusInfo {
  busId: string;
  dataRoot: string;
  exportDir: string;
  duckdbPath: string;
  daemonVersion: string;
  duckdbVersion: string;
  publishedAt: Date;
}
