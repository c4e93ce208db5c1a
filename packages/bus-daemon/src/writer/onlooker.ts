import type { OpenJob } from '@quantbot/bus-care/jobs';
import type { CanonTable, FirstOfSchema } from '@quantbot/bus-format/canon';
import type { RejectedEntry, ScrubState } from '@quantbot/bus-format/state';
import type { LakeAddress } from '@quantbot/storage/lake';
import type { Bus } from './bus.js';
import type { SettledJob, StageName } from './events.js';
import type { LoopView } from './loop/loop-view.js';

/** What was ever committed. */
export interface Totals {
  jobs: Record<SettledJob['outcome'], number>;
  artifacts: number;
  rows: number;
  /** Bytes of the store. */
  bytes: number;
  lastCommittedAtMs: number | undefined;
}

/** What those who look on may know of a bus, on one machine or of a cluster. */
export interface VisibleBus extends Pick<Bus, 'config' | 'elapsed' | 'events' | 'logger' | 'now'> {
  /** The folder of the bus, or the URL of its objects. */
  root: string;
  /** The seq of the last committed job, as far as this daemon knows. */
  readonly lastSeq: number;
  totals(): Promise<Totals>;
  /** Jobs that have not settled: nobody works on those in the inbox. */
  queue(): Promise<{ inbox: number; claimed: number }>;
  /** The newest jobs that have not settled; the search ends at about `max`. */
  openJobs(max: number): Promise<OpenJob[]>;
  tables(): Promise<readonly CanonTable[]>;
  /** Whether this daemon knows a canonical table. */
  isTable(name: string): boolean;
  /** Each schema of each canonical table, with its first artifact. */
  schemas(): Promise<FirstOfSchema[]>;
  rejected: VisibleRejections;
  /** Names of exports that failed at their last attempt. */
  failedExports(): Promise<string[]>;
  /** The catalog for questions: the published database, or the lake. */
  catalog(): Promise<string | LakeAddress>;
  /** The folder in which DuckDB may put down what does not fit into memory. */
  spillIn: string;
  /** What must be true before the daemon counts as ready, besides that it runs. */
  checks(): Promise<Record<string, boolean>>;
  /** The stages that report how long they took. */
  stages: readonly StageName[];
  /** What there is on one machine only. */
  machine: VisibleMachine | undefined;
  /** What there is in a cluster only. */
  cluster: VisibleCluster | undefined;
}

/** The rejected jobs. */
export interface VisibleRejections {
  /** The place of a rejected job: a folder, or an object. */
  placeOf(jobId: string): string;
  /** A rejected job, and whether its files are still there. */
  read(jobId: string): Promise<{ reason: RejectedEntry['reason']; canRetry: boolean } | undefined>;
  /** Puts one back into the inbox. */
  retry(jobId: string): Promise<void>;
}

/** The lock, the journal and the scrub of one machine. */
export interface VisibleMachine {
  /** Whether this process holds the bus, and the lock file names it. */
  holdsLock(): Promise<boolean>;
  /** The newest scrub; undefined before the first. */
  scrub(): ScrubState | undefined;
  journalBytes(): Promise<number>;
  readonly segments: number;
  readonly hotCommits: number;
}

/** What a daemon knows of its cluster. */
export interface VisibleCluster {
  /** The daemon's own name. */
  daemon: string;
  /** Whether it is the one that publishes. */
  readonly publishes: boolean;
  /** The last seq that readers see, as far as this daemon knows. */
  readonly publishedSeq: number;
  /** How many daemons were seen recently. */
  daemons(): Promise<number>;
}

/**
 * Someone who looks on while the daemon works, until closed. The work itself knows nothing of it.
 */
export interface Onlooker {
  /** Where its page is, if it has one. */
  url?: string;
  /** Closed after the lock is released: the next daemon does not wait for it. */
  outlivesLock?: true;
  close(): Promise<void>;
}

/** Starts an onlooker. One that fails to start leaves nothing open. */
export type StartOnlooker = (bus: VisibleBus, loop: LoopView) => Promise<Onlooker>;
