import type { JournalRow } from '@quantbot/bus-format/journal';
import type { BusError, Manifest, ManifestArtifact, ParquetColumn, TraceContext } from '@quantbot/infra';
import type { FileSchema } from './file-schema.js';
import type { FileInfo } from './file-thread/look-into.js';

/** A folder in the inbox that has a COMMIT. */
export interface FoundJob {
  /** The folder's name; a Buffer where it is not valid UTF-8. */
  name: string | Buffer;
  /** When COMMIT was written (milliseconds): a producer's jobs are taken in this order. */
  committedAtMs: number;
  /** User id of whoever wrote COMMIT. */
  owner: number;
  /** Whose turn it is, when that has been found out. */
  producer?: string;
}

/** A job that no producer can reach by its path any more. */
export interface ClaimedJob {
  claim: string;
  jobId: string;
  /** Absolute path in `claimed/`. */
  folder: string;
  /**
   * When its COMMIT was written (milliseconds); undefined when there is none to look at any more.
   */
  submittedAtMs?: number;
  /** Whose turn it was; undefined when it is not known. */
  producer?: string | undefined;
  /**
   * What lay in its folder after the claim besides manifest and COMMIT, by name; undefined when it
   * was not or could not be looked at, is no folder, or holds a crowd.
   */
  files?: ReadonlyMap<string, FileInfo> | undefined;
  /** Whether only the daemon's own user can put names into its folder, or take them out. */
  sealed?: boolean | undefined;
  /**
   * Whether the daemon works in its folder itself. Otherwise (in doubt, too) what the manifest
   * names is brought over first, because the folder may change at any moment.
   */
  own?: boolean | undefined;
}

/** An artifact whose file is what its manifest says. */
export interface VerifiedArtifact {
  entry: ManifestArtifact;
  key: string;
  /** Where it will be stored, relative to the bus root. */
  relPath: string;
  /** Absolute path of the file that was hashed. */
  file: string;
  /** Its inode: what is stored must be this one, whatever lies at the path by then. */
  inode: number;
  rows: number;
  bytes: number;
  sha256: string;
  columns: readonly ParquetColumn[];
  /** The schema of a file that goes into a canonical table. */
  schema?: FileSchema | undefined;
  /** A hash of the rows, if the configuration wants it. */
  contentHash?: string;
}

/** A job whose files are all sound. Its outcome depends on what else there is. */
export interface VerifiedJob extends ClaimedJob {
  manifest: Manifest;
  manifestSha256: string;
  artifacts: VerifiedArtifact[];
}

/** A job that cannot be taken, and why. */
export interface RejectedJob extends ClaimedJob {
  manifest: Manifest | undefined;
  manifestSha256: string | null;
  error: BusError;
}

/** A job after its verification. */
export type CheckedJob = VerifiedJob | RejectedJob;

/** Whether a verified job was turned down. */
export const isRejected = (job: VerifiedJob | RejectedJob | AcceptedJob): job is RejectedJob => 'error' in job;

/** An artifact with its place among all others decided. */
export interface DecidedArtifact extends VerifiedArtifact {
  /** `duplicate`: the journal has the same bytes under this key already. */
  status: 'ingested' | 'duplicate';
  /** Its file goes into the store: it is new, or the stored file was lost. */
  toStore: boolean;
  /** The file at the store's path is of a crash: no journal row names it. */
  replaceOrphan: boolean;
}

/** A job that will be committed. After the store stage its files are in the store, durable. */
export interface AcceptedJob extends VerifiedJob {
  artifacts: DecidedArtifact[];
}

/** A job that the journal has. What is left to do can be done again at any time from its rows. */
export interface CommittedJob extends ClaimedJob {
  /** The trace that it belongs to, as its manifest says. */
  trace?: TraceContext;
  rows: JournalRow[];
  /**
   * Of a job that was brought over: the files that its manifest names, which lie in the folder that
   * came.
   */
  named?: readonly string[] | undefined;
  /**
   * All that lies besides manifest and COMMIT in the folder that the daemon works in, by name;
   * undefined when that is not known, or not plain files only.
   */
  leftovers?: readonly string[] | undefined;
}
