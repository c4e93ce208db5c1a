import { randomBytes } from 'node:crypto';
import type { DeclaredColumn } from '@quantbot/bus-format';
import type {
  CanonTable,
  JournalledTableOperation,
  TableLimits,
  TableRegistry,
  TableStart,
} from '@quantbot/bus-format/canon';
import type { Journal, JournalRow, Judged, TableSegments } from '@quantbot/bus-format/journal';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import type { Logger } from '@quantbot/infra';
import type { BusLayout, BusMarker } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import type { Events } from './events.js';
import type { FileThreads } from './file-thread/client.js';
import type { ClaimedJob } from './job.js';
import type { Misfit, SeenKeys } from './seen-keys.js';

/** The shared state of all stages. Only clock and ids are injected, for tests. */
export interface Bus {
  config: BusConfig;
  layout: BusLayout;
  marker: BusMarker;
  logger: Logger;
  /** Events from the stages and from background work. */
  events: Events;
  journal: Journal;
  /** The canonical tables as of the last commit. */
  tables: TableRegistry;
  /** Limits on the tables and columns that producers add. */
  tableLimits: TableLimits;
  /** Their compacted files. */
  tableSegments: TableSegments;
  /**
   * Takes over jobs that would delay other jobs too long; undefined in that background work itself.
   */
  beside?: Beside | undefined;
  /** Reads files that were not verified, so that a crash of DuckDB does not end the daemon. */
  inspector: WorkerProcess;
  /** Links, flushes and renames on other threads. */
  files: FileThreads;
  /** Exports that an operator requested and that have not started. */
  requestedExports: ExportRequest[];
  /**
   * Judges keys that an operation wants to forget.
   */
  judge(keys: readonly string[]): Promise<Judged[]>;
  /** What the journal says about canonical tables. */
  tableFacts: TableFacts;
  /** Store paths of forgotten artifacts that a job has brought back, or is about to. */
  returned: Set<string>;
  /** The last turn of each canonical table that its compacted files have taken. */
  tableTurns: Map<string, number>;
  /** Folders in `claimed/` whose jobs have settled, with many files that must still be removed. */
  leftBehind: string[];
  /** The time of day (milliseconds), for files. It may jump. */
  now(): number;
  /** Milliseconds since some moment, for waiting. It never goes back. */
  elapsed(): number;
  newClaim(): string;
  /** Whether the store has a file at a place that the journal names. */
  isStored(relPath: string): boolean;
  /**
   * Checks before each commit that this process still holds the bus at the configured paths.
   *
   * @throws DaemonError `BUS_REMOVED`, `LOCK_LOST`.
   */
  assertHeld(): void;
}

/** The state that verification needs, on one machine and in a cluster. */
export type VerifyingBus = Pick<Bus, 'beside' | 'config' | 'events' | 'inspector' | 'logger' | 'tables'>;

/** The state that decisions about jobs need, on one machine and in a cluster. */
export interface DecidingBus extends Pick<Bus, 'config' | 'elapsed' | 'judge' | 'tableFacts' | 'tables'> {
  returned?: Set<string>;
  journal: Pick<Journal, 'findKeys' | 'findRejected' | 'lastSeq' | 'mayHave'>;
  tableLimits: Pick<TableLimits, 'apply'>;
  /** Whether the store has a file at a place that the journal names. */
  isStored: Bus['isStored'];
}

/** What the decision about an operation on a canonical table asks the journal. */
export interface TableFacts {
  /** Returns all operations on canonical tables, oldest first. */
  operations(): Promise<readonly JournalledTableOperation[]>;
  /** Replays all artifacts that a table has with this start. */
  replay(table: string, start: TableStart): Promise<TableRegistry>;
  /**
   * Returns the first artifact of a table that has NULL in its key, and where. Does not read what
   * was seen.
   */
  withoutKey(table: CanonTable, seen?: SeenKeys): Promise<ArtifactWithoutKey | undefined>;
  /**
   * Returns the first artifact of a table whose values the new type of a column does not hold. Does
   * not read what was seen.
   */
  misfit(table: CanonTable, set: DeclaredColumn, seen?: SeenKeys): Promise<Misfit | undefined>;
  /** Forgotten artifacts whose rows only the table has. */
  forgotten(table: string): Promise<JournalRow[]>;
}

/** An artifact that has NULL in the key of its table. */
export interface ArtifactWithoutKey {
  artifact: string;
  /** One text for each such column. */
  nulls: string[];
}

/** Verifies jobs one at a time, in the background. */
export interface Beside {
  add(job: ClaimedJob): void;
  /**
   * Returns whether a producer's files were slow recently. Its next files go to the background at
   * once.
   */
  isSlow(producer: string): boolean;
  /** Records that a file of a producer is slow. */
  noteSlow(producer: string): void;
}

/** An operator's request to run exports. */
export interface ExportRequest {
  /** Names of exports; empty means all. */
  names: readonly string[];
  /** Whether to run exports that are up to date too. */
  force: boolean;
  /** The seq of the requesting job. The export must be at least as new. */
  seq: number;
}

const claimBytes = 8;
const random = { bytes: Buffer.alloc(0), used: 0 };

/** Returns a new claim id: 16 hexadecimal digits. Random bytes are drawn for many ids at once. */
export function randomClaim(): string {
  if (random.used === random.bytes.length) Object.assign(random, { bytes: randomBytes(512 * claimBytes), used: 0 });
  random.used += claimBytes;
  return random.bytes.toString('hex', random.used - claimBytes, random.used);
}

/** The machine's own clocks. */
export const systemClock: Pick<Bus, 'now' | 'elapsed'> = { now: Date.now, elapsed: () => performance.now() };
