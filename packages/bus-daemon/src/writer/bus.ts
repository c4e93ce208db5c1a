import { randomBytes } from 'node:crypto';
import type { TableLimits, TableRegistry } from '@quantbot/bus-format/canon';
import type { Journal, TableSegments } from '@quantbot/bus-format/journal';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import type { BusLayout, BusMarker, Logger } from '@quantbot/infra';
import type { BusConfig } from '@quantbot/infra/config';
import type { Events } from './events.js';
import type { FileThreads } from './file-thread/client.js';
import type { ClaimedJob } from './job.js';

/** What every stage works on. Only clock and ids are injected, for tests. */
export interface Bus {
  config: BusConfig;
  layout: BusLayout;
  marker: BusMarker;
  logger: Logger;
  /** Where the stages and the work beside them report. */
  events: Events;
  journal: Journal;
  /** The canonical tables as of the last commit. */
  tables: TableRegistry;
  /** What producers may add to them. */
  tableLimits: TableLimits;
  /** Their compacted files. */
  tableSegments: TableSegments;
  /**
   * Takes over jobs that cost more time than the jobs around them should wait; undefined where a
   * job is beside the others already.
   */
  beside?: Beside | undefined;
  /** Reads files that were not verified, so that a crash of DuckDB does not end the daemon. */
  inspector: WorkerProcess;
  /** Links, flushes and renames beside the main thread. */
  files: FileThreads;
  /** Exports that an operator has asked for and that have not begun. */
  requestedExports: ExportRequest[];
  /**
   * Folders in `claimed/` whose jobs have settled, with much in them that is still to be removed.
   */
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

/** What the verification of jobs works with, on one machine and in a cluster. */
export type VerifyingBus = Pick<Bus, 'beside' | 'config' | 'events' | 'inspector' | 'logger' | 'tables'>;

/** What decides about jobs, on one machine and in a cluster. */
export interface DecidingBus extends Pick<Bus, 'config' | 'elapsed' | 'tables'> {
  journal: Pick<Journal, 'findKeys' | 'lastSeq' | 'mayHave'>;
  tableLimits: Pick<TableLimits, 'apply'>;
  /** Whether the store has a file at a place that the journal names. */
  isStored: Bus['isStored'];
}

/** Verifies jobs one at a time, beside the batches. */
export interface Beside {
  add(job: ClaimedJob): void;
  /**
   * Returns whether a producer's files were slow recently. Its next files are verified beside the
   * others at once.
   */
  isSlow(producer: string): boolean;
  /** Records that a file of a producer is slow. */
  noteSlow(producer: string): void;
}

/** What an operator asks of the exports. */
export interface ExportRequest {
  /** None means all. */
  names: readonly string[];
  /** Also those that are up to date. */
  force: boolean;
  /** The job that asked: an export is as new as this one at least. */
  seq: number;
}

const claimBytes = 8;
const random = { bytes: Buffer.alloc(0), used: 0 };

/** A claim id: 16 hexadecimal digits. Random bytes are fetched for many at a time. */
export function randomClaim(): string {
  if (random.used === random.bytes.length) Object.assign(random, { bytes: randomBytes(512 * claimBytes), used: 0 });
  random.used += claimBytes;
  return random.bytes.toString('hex', random.used - claimBytes, random.used);
}

/** The machine's own clocks. */
export const systemClock: Pick<Bus, 'now' | 'elapsed'> = { now: Date.now, elapsed: () => performance.now() };
