import { emptyRow, type JournalRow } from './journal/row.js';

/** Returns a journal row of an ingested artifact; `more` replaces the defaults. */
export const journalRow = (more: Partial<JournalRow> = {}): JournalRow => ({
  ...emptyRow,
  seq: 1,
  ordinal: 0,
  claim: '0123456789abcdef',
  committed_at: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  status: 'ingested',
  job_id: 'job-1',
  run_id: 'run-1',
  producer: 'tests',
  kind: 'numbers',
  artifact_id: 'numbers',
  artifact_key: 'run-1/tests/numbers/numbers',
  format: 'parquet',
  rel_path: 'store/tests/numbers/run-1@numbers.parquet',
  rows: 3,
  bytes: 400,
  sha256: 'a'.repeat(64),
  schema_json: '[]',
  created_at_utc: Date.UTC(2026, 0, 2),
  manifest_sha256: 'b'.repeat(64),
  ...more,
});

/** Returns the journal row of a rejected job. */
export const rejectedRow = (more: Partial<JournalRow> = {}): JournalRow =>
  journalRow({
    status: 'rejected',
    artifact_id: null,
    artifact_key: null,
    format: null,
    rel_path: null,
    rows: null,
    bytes: null,
    sha256: null,
    schema_json: null,
    reject_code: 'ROWS_MISMATCH',
    reject_error: 'a.parquet has 3 rows; the manifest says 4.',
    reject_details: '["one","two"]',
    ...more,
  });

/**
 * A Parquet file with [1, NULL] as TINYINT. Its data page of version 2 claims to have no NULL, as
 * arrow-go writes it without statistics.
 */
export const withoutNullCount = Buffer.from(
  [
    'UEFSMRUGFQwVDFwVBBUAFQQVABUEFQASHAAAAAMBAQAAABUEGSxIBnNjaGVtYRUCABUCJQIYAXglHkysEwgRAAAAFgQZHBkcJggc',
    'FQIZJQAGGRgBeBUAFgQWPBY8JghJHBUAFQAVAgAAABY8FgQmCBY8FAAAGQwYGXBhcnF1ZXQtZ28gdmVyc2lvbiAxOC44LjAZHBwA',
    'AAB2AAAAUEFSMQ==',
  ].join(''),
  'base64',
);
