import type { CanonTable, FileColumn, TableRegistry, TableStart } from '@quantbot/bus-format/canon';
import type { FoundTable, JournalRow } from '@quantbot/bus-format/journal';
import type { WaitingJob } from '@quantbot/bus-format/state';
import type { ValueFindings } from '@quantbot/duckdb-process';
import type { BusError, ForgetOutcome, Manifest, ManifestArtifact } from '@quantbot/infra';
import type { TraceContext } from '@quantbot/infra/bus';
import type { FileSchema } from './file-schema.js';
import type { FileInfo } from './file-thread/look-into.js';
import type { SeenKeys } from './seen-keys.js';

/** A folder in the inbox that has a COMMIT. */
export interface FoundJob extends WaitingJob {
  /** The producer for turns, once known. */
  producer?: string;
}

/** A manifest that was read. */
export interface ReadManifest {
  manifest: Manifest;
  manifestSha256: string;
  /** Its size. */
  manifestLength: number;
}

/** A job that no producer can reach by its old path. */
export interface ClaimedJob {
  claim: string;
  jobId: string;
  /** Absolute path in `claimed/`. */
  folder: string;
  /** When its COMMIT was written (milliseconds); undefined if it is gone. */
  submittedAtMs?: number;
  /** The producer for turns; undefined if unknown. */
  producer?: string | undefined;
  /**
   * The files in its folder after the claim, without manifest and COMMIT, by name. Undefined if it
   * could not be read, is not a folder, or has too many.
   */
  files?: ReadonlyMap<string, FileInfo> | undefined;
  /** Its manifest, if that is not in its folder: a cluster reads it from the object store. */
  given?: ReadManifest | undefined;
  /** Whether only the daemon's user can add or remove names in its folder. */
  sealed?: boolean | undefined;
  /** Whether all of it belongs to the daemon's user alone: no producer of another user wrote it. */
  ours?: boolean | undefined;
  /**
   * Whether the daemon works in the folder itself. Otherwise (also in doubt) it copies the
   * manifest's files first, because the folder may change at any moment.
   */
  own?: boolean | undefined;
}

/** An artifact whose file matches the manifest. */
export interface VerifiedArtifact {
  entry: ManifestArtifact;
  key: string;
  /** Its place in the store, relative to the bus root. */
  relPath: string;
  /** Absolute path of the file that was hashed. */
  file: string;
  /** Its inode. The stored file must have it, because the path may lead to another file by then. */
  inode: number;
  rows: number;
  bytes: number;
  sha256: string;
  columns: readonly FileColumn[];
  /** What decoding found about columns that do not fit their table by type. Copies share it. */
  judged: Map<string, Map<string, string | null>>;
  /** The table whose types decoding compared with the values; undefined before its first file. */
  askedFor?: CanonTable | undefined;
  /** The columns in which no row has NULL, as far as decoding was asked for them. */
  neverNull?: readonly string[];
  /** What decoding found about the rules of its table. */
  values?: ValueFindings | undefined;
  /** The schema of a file that goes into a canonical table. */
  schema?: FileSchema | undefined;
  /** A hash of the rows, if configured. */
  contentHash?: string;
}

/** A job whose files are all sound. Its outcome depends on the bus. */
export interface VerifiedJob extends ClaimedJob, ReadManifest {
  artifacts: VerifiedArtifact[];
  /** What was read beside ingestion for its operation on a table with a key. */
  seenKeys?: SeenKeys;
}

/** A rejected job, and the reason. */
export interface RejectedJob extends ClaimedJob {
  manifest: Manifest | undefined;
  manifestSha256: string | null;
  /** The size of the manifest; 0 if it was not read. */
  manifestLength: number;
  error: BusError;
}

/** A job after its verification. */
export type CheckedJob = VerifiedJob | RejectedJob;

/** Whether a job was rejected. */
export const isRejected = (job: VerifiedJob | RejectedJob | AcceptedJob): job is RejectedJob => 'error' in job;

/** An artifact whose outcome is decided. */
export interface DecidedArtifact extends VerifiedArtifact {
  /**
   * `duplicate`: the journal already has the same bytes under this key. `restored`: it has them,
   * and they had been forgotten.
   */
  status: 'ingested' | 'duplicate' | 'restored';
  /** The rules of its table that it breaks, if it is in quarantine for them. */
  quarantined?: readonly string[];
  /** Whether to store its file: it is new, or the stored file was lost. */
  toStore: boolean;
  /** Whether the file at the store's path is an orphan of a crash, which no journal row names. */
  replaceOrphan: boolean;
}

/** A job that will be committed. After the store stage, its files are durable in the store. */
export interface AcceptedJob extends VerifiedJob {
  artifacts: DecidedArtifact[];
  /** What an operation `forget` does. */
  forgetting?: Forgetting | undefined;
  /** What an operation on a canonical table does. */
  tableChange?: TableChange | undefined;
}

/** The outcome of an operation `forget`. */
export interface Forgetting {
  /** Rows of the artifacts that it forgets, and whether their rows leave their table. */
  gone: { row: JournalRow; status: 'forgotten' | 'erased' }[];
  /** The other keys. */
  spared: ForgetOutcome[];
}

/** What an operation on a canonical table does. */
export interface TableChange {
  /** The table, by its first name. */
  table: string;
  /** The name that a rename gives. It changes nothing else. */
  to?: string;
  /** The table until then; null if there was none. */
  before: FoundTable | null;
  /** The start of the table from then on. A drop's is completed with its seq. */
  start: TableStart;
  /** A registry that has the table as it will be. Undefined for a drop. */
  next: TableRegistry | undefined;
  /** Whether no reader may see the table until its compacted files have followed. */
  isHeld: boolean;
  /** Forgotten artifacts whose last rows go with the table. */
  erased: JournalRow[];
}

/** A job in the journal. The rest can be repeated at any time from its rows. */
export interface CommittedJob extends ClaimedJob {
  /** The trace of its manifest. */
  trace?: TraceContext;
  rows: JournalRow[];
  /** The files that the manifest names, in the original folder of a copied job. */
  named?: readonly string[] | undefined;
  /**
   * The files in the daemon's working folder, without manifest and COMMIT, by name. Undefined if
   * unknown, or not only plain files.
   */
  leftovers?: readonly string[] | undefined;
}
