import type { Member, Postgres } from '@quantbot/bus-cluster';
import type { TableRegistry } from '@quantbot/bus-format/canon';
import type { WorkerProcess } from '@quantbot/duckdb-process';
import type { BusError } from '@quantbot/infra';
import type { Objects } from '@quantbot/infra/objects';
import type { LakeAddresses } from '@quantbot/storage/lake';
import type { DecidingBus, VerifyingBus } from '../writer/bus.js';
import type { ClaimedJob } from '../writer/job.js';

/** What the stages of a cluster's daemon work with. */
export interface Cluster extends VerifyingBus, Omit<DecidingBus, 'isStored' | 'journal'> {
  postgres: Postgres;
  objects: Objects;
  lake: LakeAddresses;
  member: Member;
  /** For so long no other daemon takes a job of this one, unless the lease is renewed. */
  leaseS: number;
  /** The daemon's own folder on this host, with the files of jobs in work. */
  workFolder: string;
  /** The canonical tables as of a commit: those that this daemon has seen under the lock. */
  tables: TableRegistry;
  tablesSeq: number;
  /** Writes fragments, beside the process that reads what nobody has vouched for. */
  fragmentWriter: WorkerProcess;
  newClaim(): string;
  /** The time of day of this host (milliseconds). */
  now(): number;
}

/** A job whose manifest and files have been fetched. */
export interface FetchedJob extends ClaimedJob {
  /** The key of its manifest in the object store. */
  inboxKey: string;
  /** The manifest as it came; undefined if it is too large to be read. */
  manifestBytes: Buffer | undefined;
  /** Its hash, or that of its name. */
  manifestSha256: string;
  /** The seq of the rejection that it retries; 0 if it is no retry. */
  retryOf: number;
  /** Why it is rejected without a look at its files. */
  error?: BusError;
}
