import type { CanonTable } from '../canon/table.js';
import type { JournalSnapshot } from '../journal/snapshot.js';

/** Which files hold the journal and the canonical tables at one moment. */
export interface Snapshot extends JournalSnapshot {
  tables: readonly TableFiles[];
}

/** A canonical table and its compacted files. */
export interface TableFiles {
  table: CanonTable;
  /** Names in `canon/<table>/`. */
  segments: readonly string[];
  /** The newest job of the table that is in segments, if its mode needs it; otherwise 0. */
  newestCompacted: number;
  /**
   * Commits up to here are in its segments: {@link Snapshot.compactedSeq}, or fewer while a damaged
   * file keeps it waiting.
   */
  compactedSeq: number;
  /** Those that it still needs in `hot/` besides the snapshot's own. */
  behind: readonly number[];
}

/** What the catalog says of the bus itself. */
export interface BusInfo {
  busId: string;
  dataRoot: string;
  exportDir: string;
  duckdbPath: string;
  daemonVersion: string;
  duckdbVersion: string;
  publishedAt: Date;
}
