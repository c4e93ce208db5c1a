import type { RejectCode } from '@quantbot/infra';
import { type DeclaredColumn, literal } from '../sql.js';

/** What became of an artifact, of a job that was rejected, or of an operation (`done`). */
export type RowStatus = 'ingested' | 'duplicate' | 'rejected' | 'done';

/**
 * One row of the journal: an artifact of a settled job, or a rejected job as a whole (ordinal 0,
 * the artifact's columns null). Names are those of the columns. Times are milliseconds since 1970,
 * UTC.
 */
export interface JournalRow {
  /** The daemon's order: one number per job, from 1, without gaps. */
  seq: number;
  /** Position of the artifact in its job, from 0. */
  ordinal: number;
  /** Under which claim the job was taken: how recovery knows that it was committed. */
  claim: string;
  committed_at: number;
  status: RowStatus;
  job_id: string;
  run_id: string | null;
  producer: string | null;
  kind: string | null;
  artifact_id: string | null;
  artifact_key: string | null;
  format: string | null;
  /** Where the file is stored, relative to the bus root. */
  rel_path: string | null;
  rows: number | null;
  bytes: number | null;
  sha256: string | null;
  schema_hint: string | null;
  /** The file's columns: JSON array of `{ name, type, nullable }`. */
  schema_json: string | null;
  /** JSON array of artifact keys. */
  inputs: string | null;
  created_at_utc: number | null;
  meta_json: string | null;
  job_meta_json: string | null;
  provenance_json: string | null;
  manifest_sha256: string | null;
  reject_code: RejectCode | null;
  reject_error: string | null;
  /** JSON array of sentences. */
  reject_details: string | null;
  /** What an operation asked for: JSON as in its manifest. */
  op_json: string | null;
  /** A hash of the rows, if the configuration wants it. */
  content_hash: string | null;
}

type ColumnKind = 'int64' | 'string' | 'timestamp';

/**
 * The journal's columns in file order, with what they hold. Columns are only ever added, at the
 * end.
 */
const columnKinds = {
  seq: 'int64',
  ordinal: 'int64',
  claim: 'string',
  committed_at: 'timestamp',
  status: 'string',
  job_id: 'string',
  run_id: 'string',
  producer: 'string',
  kind: 'string',
  artifact_id: 'string',
  artifact_key: 'string',
  format: 'string',
  rel_path: 'string',
  rows: 'int64',
  bytes: 'int64',
  sha256: 'string',
  schema_hint: 'string',
  schema_json: 'string',
  inputs: 'string',
  created_at_utc: 'timestamp',
  meta_json: 'string',
  job_meta_json: 'string',
  provenance_json: 'string',
  manifest_sha256: 'string',
  reject_code: 'string',
  reject_error: 'string',
  reject_details: 'string',
  op_json: 'string',
  content_hash: 'string',
} as const satisfies Record<keyof JournalRow, ColumnKind>;

const duckdbTypes: Record<ColumnKind, string> = { int64: 'BIGINT', string: 'VARCHAR', timestamp: 'TIMESTAMP' };

/** Name and kind of each column of the journal. */
export const journalColumnKinds = Object.entries(columnKinds) as [keyof JournalRow, ColumnKind][];

/** The journal's columns with their DuckDB types. */
export const journalColumns: readonly DeclaredColumn[] = journalColumnKinds.map(([name, kind]) => ({
  name,
  type: duckdbTypes[kind],
}));

/** The condition of a journal's row that added to a canonical table. */
export const isOfTable = (table: string): string =>
  `status = 'ingested' AND schema_hint LIKE 'canon.%' AND lower(schema_hint) = ${literal(`canon.${table}`)}`;

/** A job as the journal has it, without its rows. */
export interface JobHead {
  seq: number;
  jobId: string;
  isRejected: boolean;
  committedAtMs: number;
  /** How many rows it has. */
  rows: number;
}

/** Rows by the claim of their job. */
export function groupByClaim(rows: readonly JournalRow[]): Map<string, JournalRow[]> {
  const byClaim = new Map<string, JournalRow[]>();
  for (const row of rows) {
    const there = byClaim.get(row.claim);
    if (there === undefined) byClaim.set(row.claim, [row]);
    else there.push(row);
  }
  return byClaim;
}
