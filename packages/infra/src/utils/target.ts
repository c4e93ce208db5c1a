import type { Manifest, ObjectManifest } from '../manifest.js';
import type { Operation } from '../operation.js';
import type { SubmitArtifactsOptions } from './options.js';
import type { OutcomeSource } from './settled.js';

/** A job in the inbox. */
export interface EnteredJob {
  manifest: Manifest | ObjectManifest;
  /** The manifest that waits in the inbox, whose hash the outcome names. */
  manifestBytes: Uint8Array;
  /** Where its outcome appears, if not where those of other jobs do. */
  outcome?: OutcomeSource;
}

/** A bus that takes jobs: a folder, or an object store. The options have been checked. */
export interface BusTarget {
  /** Absolute path, or the URL of an object store. */
  root: string;
  submit(jobId: string, options: SubmitArtifactsOptions): Promise<EnteredJob>;
  operate(op: Operation): Promise<EnteredJob>;
  outcome: OutcomeSource;
}
