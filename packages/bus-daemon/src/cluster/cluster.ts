import type { Member, Postgres } from '@quantbot/bus-cluster';
import type { TableRegistry } from '@quantbot/bus-format/canon';
import type { BulkWriter } from '@quantbot/duckdb-process';
import type { BusError } from '@quantbot/infra';
import type { Objects } from '@quantbot/infra/objects';
import type { LakeAddresses } from '@quantbot/storage/lake';
import type { DecidingBus, VerifyingBus } from '../writer/bus.js';
import type { ClaimedJob } from '../writer/job.js';

/** The context of the stages of a cluster's daemon. */
export interface Cluster extends VerifyingBus, Omit<DecidingBus, 'isStored' | 'journal' | 'judge' | 'tableFacts'> {
  postgres: Postgres;
  objects: Objects;
  lake: LakeAddresses;
  member: Member;
  /** The duration of a lease. Meanwhile no other daemon takes the job. */
  leaseS: number;
  /** The daemon's own folder on this host, with the files of jobs in flight. */
  workFolder: string;
  /** The canonical tables as of `tablesSeq`, which this daemon has read under the lock. */
  tables: TableRegistry;
  tablesSeq: number;
  /** Writes fragments. Another process reads files that are not verified yet. */
  fragmentWriter: BulkWriter;
  newClaim(): string;
  /** The time of day of this host (milliseconds). */
  now(): number;
}

/** A job whose manifest and files have been fetched. */
export interface FetchedJob extends ClaimedJob {
  /** The key of its manifest in the object store. */
  inboxKey: string;
  /** The manifest as it was submitted; undefined if it is too large to be read. */
  manifestBytes: Buffer | undefined;
  /** The hash of the manifest; if it cannot be read, that of its name. */
  manifestSha256: string;
  /** The seq of the rejection that it retries; 0 if it is no retry. */
  retryOf: number;
  /** The reason to reject it without looking at its files. */
  error?: BusError;
}
