/** A rule of a cluster's daemons that is broken on purpose, and the faults that must show it. */
export interface ClusterMutant {
  /** Statements of the daemons (`pg`), rewritten. */
  sql?: (text: string) => string;
  /** Statements of their DuckDB, rewritten. */
  duckdb?: (text: string) => string;
  /** Notifications as they arrive. */
  notification?: (payload: string) => string;
  /** What the database itself no longer checks. */
  without?: string[];
  /** The faults under which it must be noticed. */
  faults: RegExp;
}

const everyonePublishes = (text: string): string =>
  text.includes('pg_try_advisory_lock') ? 'SELECT $1::bigint IS NOT NULL AS got' : text;

const addFiles = /^CALL ducklake_add_data_files\('lake', '((?:[^']|'')+)', (\[.*\]), schema => '(\w+)'.*\)$/s;

/** Each rule that carries a promise, broken. Every one must turn the checker red. */
export const clusterMutants: Readonly<Record<string, ClusterMutant>> = {
  'a lease is taken for a lock': {
    // Neither a look for submissions that are committed, nor the unique keys behind it.
    sql: text => text.replace(/WHERE \(job_id[^)]*\) = \([^)]*\)/, '$& AND false'),
    without: [
      'ALTER TABLE bus.jobs DROP CONSTRAINT IF EXISTS jobs_job_id_manifest_sha256_key',
      'ALTER TABLE bus.jobs DROP CONSTRAINT IF EXISTS jobs_job_id_manifest_sha256_retry_of_key',
      'DROP INDEX IF EXISTS bus.journal_keys',
    ],
    faults: /killed|frozen|silence|COMMIT of the journal/,
  },
  'DuckLake repeats commits that met another one': {
    sql: everyonePublishes,
    duckdb: text => text.replace(/ducklake_max_retry_count = 0/, 'ducklake_max_retry_count = 10'),
    faults: /killed|frozen/,
  },
  'files of the lake are written by INSERT': {
    duckdb: text => text.replace(addFiles, 'INSERT INTO "$3"."$1" BY NAME SELECT * FROM read_parquet($2)'),
    faults: /COMMIT of the lake/,
  },
  'receipts are written before the publication': {
    notification: payload => (payload === 'commit' ? 'published 1000000000' : payload),
    faults: /COMMIT of the lake|killed/,
  },
  'the bytes of a forgotten artifact are noted as removed, and stay': {
    sql: text => (text.includes('AS "isDue"') ? text.replace('rel_path AS', "'store/other' AS") : text),
    faults: /killed/,
  },
  'a COMMIT of the journal without an answer counts as failed': {
    sql: text =>
      text
        .replace('WHERE claim = ANY($1)', 'WHERE false AND claim = ANY($1)')
        .replace(/WHERE \(job_id[^)]*\) = \([^)]*\)/, '$& AND false'),
    without: [
      'ALTER TABLE bus.jobs DROP CONSTRAINT IF EXISTS jobs_job_id_manifest_sha256_key',
      'ALTER TABLE bus.jobs DROP CONSTRAINT IF EXISTS jobs_job_id_manifest_sha256_retry_of_key',
      'DROP INDEX IF EXISTS bus.journal_keys',
    ],
    faults: /COMMIT of the journal/,
  },
};
