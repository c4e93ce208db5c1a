import type { Row } from '../types/mapping.js';

/** An artifact in the store. */
export interface ArtifactRecord {
  /** The job's place in the order of the bus. */
  seq: number;
  /** The artifact's place in its job. */
  ordinal: number;
  /** `run_id/producer/kind/artifact_id`. */
  key: string;
  runId: string;
  producer: string;
  kind: string;
  artifactId: string;
  jobId: string;
  /** Absolute path of the file, for `readParquet`. */
  path: string;
  rows: number;
  bytes: number;
  sha256: string;
  schemaHint: string | null;
  /**
   * The file's columns. `as` is the type as which a canonical table reads the column, and `also` a
   * wider type that holds each value exactly, too.
   */
  schema: { name: string; type: string; nullable: boolean; as?: string; also?: string }[];
  /** Keys of the artifacts that its run read. */
  inputs: string[];
  /** The `meta` of the manifest, unchanged. */
  meta: Record<string, unknown> | null;
  /** Its origin: commit, parameters, versions. */
  provenance: Record<string, unknown> | null;
  /**
   * A hash of the rows, independent of their order and the file's encoding; null unless
   * `catalog.content_hash` was on.
   */
  contentHash: string | null;
  /** When the producer submitted it, by the producer's clock. */
  submittedAt: Date;
  /** When the daemon committed it, by the daemon's clock. */
  committedAt: Date;
  /**
   * Why it is, or was, in quarantine: the rules of its table that it breaks. Its rows are not in
   * the table. Otherwise null.
   */
  quarantined: string[] | null;
  /** When it was forgotten: its bytes are gone since. Otherwise null. */
  forgottenAt: Date | null;
}

/** A run: everything with the same run id. */
export interface RunRecord {
  runId: string;
  producers: string[];
  kinds: string[];
  jobs: number;
  artifacts: number;
  rows: number;
  bytes: number;
  firstSeq: number;
  lastSeq: number;
  firstCommittedAt: Date;
  lastCommittedAt: Date;
}

/** A settled job. */
export interface JobRecord {
  seq: number;
  jobId: string;
  /** `dismissed`: it was rejected, and someone said that it needs nothing more. */
  status: 'ingested' | 'duplicate' | 'rejected' | 'dismissed';
  runId: string | null;
  producer: string | null;
  kind: string | null;
  artifacts: number;
  rows: number;
  bytes: number;
  committedAt: Date;
  rejectCode: string | null;
  rejectError: string | null;
  /** When, why and by whom it was dismissed; null if it was not. */
  dismissedAt: Date | null;
  dismissNote: string | null;
  dismissedBy: string | null;
}

const json = <T>(text: unknown): T | null => (typeof text === 'string' ? (JSON.parse(text) as T) : null);

/** A row of `catalog.artifacts_f`. */
export const artifactRecord = (row: Row): ArtifactRecord => ({
  seq: row.seq as number,
  ordinal: row.ordinal as number,
  key: row.artifact_key as string,
  runId: row.run_id as string,
  producer: row.producer as string,
  kind: row.kind as string,
  artifactId: row.artifact_id as string,
  jobId: row.job_id as string,
  path: row.canonical_path as string,
  rows: row.rows as number,
  bytes: row.bytes as number,
  sha256: row.sha256 as string,
  schemaHint: row.schema_hint as string | null,
  schema: json<ArtifactRecord['schema']>(row.schema_json) ?? [],
  inputs: row.inputs as string[],
  meta: json(row.meta_json),
  provenance: json(row.provenance_json ?? null),
  contentHash: (row.content_hash ?? null) as string | null,
  submittedAt: row.created_at_utc as Date,
  committedAt: row.committed_at as Date,
  quarantined: (row.quarantined ?? null) as string[] | null,
  forgottenAt: (row.forgotten_at ?? null) as Date | null,
});

/** A row of `catalog.runs_d`. */
export const runRecord = (row: Row): RunRecord => ({
  runId: row.run_id as string,
  producers: row.producers as string[],
  kinds: row.kinds as string[],
  jobs: row.jobs as number,
  artifacts: row.artifacts as number,
  rows: row.rows as number,
  bytes: row.bytes as number,
  firstSeq: row.first_seq as number,
  lastSeq: row.last_seq as number,
  firstCommittedAt: row.first_committed_at as Date,
  lastCommittedAt: row.last_committed_at as Date,
});

/** A row of `catalog.jobs_f`. */
export const jobRecord = (row: Row): JobRecord => ({
  seq: row.seq as number,
  jobId: row.job_id as string,
  status: row.status as JobRecord['status'],
  runId: row.run_id as string | null,
  producer: row.producer as string | null,
  kind: row.kind as string | null,
  artifacts: row.artifacts as number,
  rows: row.rows as number,
  bytes: row.bytes as number,
  committedAt: row.committed_at as Date,
  rejectCode: row.reject_code as string | null,
  rejectError: row.reject_error as string | null,
  dismissedAt: (row.dismissed_at ?? null) as Date | null,
  dismissNote: (row.dismiss_note ?? null) as string | null,
  dismissedBy: (row.dismissed_by ?? null) as string | null,
});
