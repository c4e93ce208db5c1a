import type { RejectCode } from '@quantbot/infra';
import { type DeclaredColumn, literal } from '../sql.js';
import { TableNames } from './table-names.js';

/**
 * The outcome of an artifact, of a rejected job, or of an operation (`done`). An operation that
 * forgets artifacts has further rows, one for each: `forgotten` if their rows stay in their table,
 * `erased` if they leave it.
 */
export type RowStatus = 'ingested' | 'duplicate' | 'restored' | 'rejected' | 'done' | 'forgotten' | 'erased';

/**
 * SQL for the outcome of a job, over its rows. A job that brings back a forgotten artifact is
 * `ingested`. The first row of an operation is `done`, which sorts before the others.
 */
export const outcomeOfJob = `CASE WHEN bool_or(status IN ('ingested', 'restored')) THEN 'ingested' ELSE min(status) END`;

/**
 * The content of a column, its type in the file, and its place in `catalog.artifacts_f` if it is
 * shown there.
 */
interface Column<Value> {
  kind: ColumnKind;
  nullable: boolean;
  shown: number | undefined;
  /** Carries the type of its values; never set. */
  value?: Value;
}

type ColumnKind = 'int64' | 'string' | 'timestamp';

const column =
  <Value>(kind: ColumnKind) =>
  (shown?: number): Column<Value> => ({ kind, nullable: false, shown });
const orNull = <Value>({ kind, shown }: Column<Value>): Column<Value | null> => ({ kind, nullable: true, shown });

const integer = column<number>('int64');
const text = column<string>('string');
/** Milliseconds since 1970, UTC. */
const time = column<number>('timestamp');

/**
 * The journal's columns in file order: the single definition of a row. Its interface, the empty
 * row, the types in files and views, and the columns of `catalog.artifacts_f` derive from it.
 * Columns, and the places of shown columns, are only added at the end.
 */
const table = {
  /** The order of the bus: one number per job, from 1, without gaps. */
  seq: integer(1),
  /** Position of the artifact in its job, from 0. */
  ordinal: integer(2),
  /** The claim of the job. Recovery finds a committed job by it. */
  claim: text(),
  committed_at: time(20),
  status: column<RowStatus>('string')(),
  job_id: text(8),
  run_id: orNull(text(4)),
  producer: orNull(text(5)),
  kind: orNull(text(6)),
  artifact_id: orNull(text(7)),
  artifact_key: orNull(text(3)),
  format: orNull(text(9)),
  /**
   * The file's place in the store, relative to the bus root. `canonical_path` (11) is the same,
   * absolute.
   */
  rel_path: orNull(text(10)),
  rows: orNull(integer(12)),
  bytes: orNull(integer(13)),
  sha256: orNull(text(14)),
  schema_hint: orNull(text(15)),
  /**
   * The file's columns: JSON array of `{ name, type, nullable }`, and `as` where the table has
   * another type, which holds each value.
   */
  schema_json: orNull(text(16)),
  /** JSON array of artifact keys. */
  inputs: orNull(text(17)),
  created_at_utc: orNull(time(19)),
  meta_json: orNull(text(18)),
  job_meta_json: orNull(text(21)),
  provenance_json: orNull(text(22)),
  manifest_sha256: orNull(text()),
  reject_code: orNull(column<RejectCode>('string')()),
  reject_error: orNull(text()),
  /**
   * JSON array of sentences: about a rejected job, or about an artifact in quarantine, whose job is
   * not rejected. `quarantined` (24) is the same of an artifact.
   */
  reject_details: orNull(text()),
  /** The operation, as JSON from its manifest. */
  op_json: orNull(text()),
  /** A hash of the rows, if configured. */
  content_hash: orNull(text(23)),
};

/**
 * One row of the journal: an artifact of a settled job, or a rejected job as a whole (ordinal 0,
 * the artifact's columns null). Names are those of the columns. Times are milliseconds since 1970,
 * UTC.
 */
export type JournalRow = {
  [Name in keyof typeof table]: (typeof table)[Name] extends Column<infer Value> ? Value : never;
};

const columns = Object.entries(table) as [keyof JournalRow, Column<unknown>][];

type Optional = { [Name in keyof JournalRow]: null extends JournalRow[Name] ? Name : never }[keyof JournalRow];

/** A row with every optional column null. */
export const emptyRow = Object.fromEntries(
  columns.filter(([, { nullable }]) => nullable).map(([name]) => [name, null]),
) as Record<Optional, null>;

const duckdbTypes: Record<ColumnKind, string> = { int64: 'BIGINT', string: 'VARCHAR', timestamp: 'TIMESTAMP' };

/** Name and kind of each column of the journal. */
export const journalColumnKinds = columns.map(([name, { kind }]) => [name, kind] as const);

/** The journal's columns with their DuckDB types. */
export const journalColumns: readonly DeclaredColumn[] = columns.map(([name, { kind }]) => ({
  name,
  type: duckdbTypes[kind],
}));

/** The columns of `catalog.artifacts_f`, which is public: their order stays. */
export const artifactColumns: readonly string[] = [
  ...columns.flatMap(([name, { shown }]) => (shown === undefined ? [] : [{ name: name as string, shown }])),
  { name: 'canonical_path', shown: 11 },
  { name: 'quarantined', shown: 24 },
]
  .sort((a, b) => a.shown - b.shown)
  .map(({ name }) => name);

/** Returns the SQL condition for journal rows that added to a canonical table. */
export const isOfTable = (table: string, names = TableNames.none): string =>
  `status = 'ingested' AND schema_hint LIKE 'canon.%' AND ${names.tableSql()} = ${literal(table)}`;

/** A job in the journal, without its rows. */
export interface JobHead {
  seq: number;
  jobId: string;
  isRejected: boolean;
  committedAtMs: number;
  /** Number of rows. */
  rows: number;
}

/** A {@link JobHead} as DuckDB returns it. */
export interface JobHeadRow {
  seq: bigint;
  job_id: string;
  rejected: boolean;
  at: bigint;
  n: bigint;
}

/** Returns the head of a job from its row. */
export const jobHead = ({ seq, job_id, rejected, at, n }: JobHeadRow): JobHead => ({
  seq: Number(seq),
  jobId: job_id,
  isRejected: rejected,
  committedAtMs: Number(at),
  rows: Number(n),
});

/** Groups rows by the claim of their job. */
export function groupByClaim(rows: readonly JournalRow[]): Map<string, JournalRow[]> {
  const byClaim = new Map<string, JournalRow[]>();
  for (const row of rows) {
    const there = byClaim.get(row.claim);
    if (there === undefined) byClaim.set(row.claim, [row]);
    else there.push(row);
  }
  return byClaim;
}
