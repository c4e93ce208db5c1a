import type { OpenJob } from '@quantbot/bus-care/jobs';
import type { CanonTable, FirstOfSchema, Retype } from '@quantbot/bus-format/canon';
import type { GcState, RejectedEntry, ScrubState, SharedUploads, TokenStore } from '@quantbot/bus-format/state';
import type { ForgetOutcome, Logger } from '@quantbot/infra';
import type { ServedInbox } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import type { LakeAddress } from '@quantbot/storage/lake';
import type { BusEvents, SettledJob, StageName } from './events.js';

/** Totals of everything ever committed. */
export interface Totals {
  /** A rejected job that was dismissed counts only as dismissed. */
  jobs: Record<SettledJob['outcome'] | 'dismissed', number>;
  artifacts: number;
  rows: number;
  /** Bytes of the store. */
  bytes: number;
  lastCommittedAtMs: number | undefined;
}

/** The view of a bus for onlookers, on one machine or in a cluster. */
export interface VisibleBus {
  config: BusConfig;
  logger: Logger;
  events: {
    /** @returns a function that unsubscribes. */
    on<E extends keyof BusEvents>(event: E, listener: (about: BusEvents[E]) => void): () => void;
    emit<E extends keyof BusEvents>(event: E, about: BusEvents[E]): void;
  };
  /** The time of day (milliseconds since 1970). */
  now(): number;
  /** Milliseconds since some moment, for waiting. It never goes back. */
  elapsed(): number;
  /** The folder of the bus, or the URL of its objects. */
  root: string;
  /** The seq of the last committed job, as far as this daemon knows. */
  readonly lastSeq: number;
  totals(): Promise<Totals>;
  /** The numbers of jobs that have not settled: waiting in the inbox, and in work. */
  queue(): Promise<{ inbox: number; claimed: number }>;
  /** Returns the newest jobs that have not settled; the search ends at about `max`. */
  openJobs(max: number): Promise<OpenJob[]>;
  tables(): Promise<readonly CanonTable[]>;
  /** Whether this daemon knows a canonical table. */
  isTable(name: string): boolean;
  /** Each schema of each canonical table, with its first artifact. */
  schemas(): Promise<FirstOfSchema[]>;
  /** The operations that have set types of columns, oldest first. */
  retypes(): Promise<Retype[]>;
  rejected: VisibleRejections;
  /** Returns what would become of an artifact if it was forgotten now, without force. */
  previewForget(key: string): Promise<ForgetOutcome | undefined>;
  /** Names of exports that failed at their last attempt. */
  failedExports(): Promise<string[]>;
  /** The newest scrub; undefined before the first. */
  scrub(): Promise<ScrubState | undefined>;
  /** The last garbage collection; undefined before the first. */
  gc(): Promise<GcState | undefined>;
  /** The catalog for questions: the published database, or the lake. */
  catalog(): Promise<string | LakeAddress>;
  /** The folder in which DuckDB may spill. */
  spillIn: string;
  /** The tokens of the server. */
  tokens: TokenStore;
  /** The inbox, for jobs and operations that come over HTTP. */
  inbox: ServedInbox;
  /** The folder whose disk takes the files of such jobs, below `uploads/`. */
  uploadIn: string;
  /** Returns the conditions, besides running, for the daemon to be ready. */
  checks(): Promise<Record<string, boolean>>;
  /** The stages that report their duration. */
  stages: readonly StageName[];
  /** The view of one machine; undefined in a cluster. */
  machine: VisibleMachine | undefined;
  /** The view of a cluster; undefined on one machine. */
  cluster: VisibleCluster | undefined;
}

/** The rejected jobs. */
export interface VisibleRejections {
  /** Returns the place of a rejected job: a folder, or an object. */
  placeOf(jobId: string): string;
  /** Reads a rejected job, and whether its files still exist. */
  read(jobId: string): Promise<{ reason: RejectedEntry['reason']; canRetry: boolean } | undefined>;
  /** Puts a rejected job back into the inbox. */
  retry(jobId: string): Promise<void>;
}

/** The lock, the journal and the disk of one machine. */
export interface VisibleMachine {
  /** Whether this process holds the bus, and the lock file names it. */
  holdsLock(): Promise<boolean>;
  journalBytes(): Promise<number>;
  /** The disk of the bus. `freeBytes` is undefined if its file system does not tell. */
  disk(): { freeBytes: number | undefined; minFreeBytes: number };
  readonly segments: number;
  readonly hotCommits: number;
}

/** A daemon's view of its cluster. */
export interface VisibleCluster {
  /** The daemon's own name. */
  daemon: string;
  /** Whether this daemon publishes. */
  readonly publishes: boolean;
  /** The last seq that readers see. */
  publishedSeq(): Promise<number>;
  /** The files of jobs that come over HTTP, which all daemons know. */
  uploads: SharedUploads;
  /** Returns the number of daemons seen recently. */
  daemons(): Promise<number>;
}

/** Observes a running daemon until it is closed. The writer does not depend on it. */
export interface Onlooker {
  /** URL of its page, if it has one. */
  url?: string;
  /**
   * Set if it is closed after the lock is released, so that the next daemon does not wait for it.
   */
  outlivesLock?: true;
  close(): Promise<void>;
}
