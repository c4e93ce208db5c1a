-- The journal: all commits, in order. Each commit locks the one row of bus.head.
CREATE TABLE bus.head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  seq bigint NOT NULL DEFAULT 0,
  bus_id text NOT NULL
);

-- A submission: a job id, the hash of its manifest, and the seq of the rejection that it retries.
-- The unique key lets only one daemon commit it.
CREATE TABLE bus.jobs (
  seq bigint PRIMARY KEY,
  job_id text NOT NULL,
  manifest_sha256 text NOT NULL,
  claim text NOT NULL UNIQUE,
  retry_of bigint NOT NULL DEFAULT 0,
  settled boolean NOT NULL DEFAULT false,
  UNIQUE (job_id, manifest_sha256, retry_of)
);
CREATE INDEX jobs_unsettled ON bus.jobs (seq) WHERE NOT settled;

-- The rows of a journal on one machine, with the same names (packages/bus-format, journal/row.ts).
CREATE TABLE bus.journal (
  seq bigint NOT NULL REFERENCES bus.jobs,
  ordinal bigint NOT NULL,
  claim text NOT NULL,
  committed_at timestamp NOT NULL,
  status text NOT NULL CHECK (status IN ('ingested', 'duplicate', 'rejected', 'done')),
  job_id text NOT NULL,
  run_id text,
  producer text,
  kind text,
  artifact_id text,
  artifact_key text,
  format text,
  rel_path text,
  rows bigint,
  bytes bigint,
  sha256 text,
  schema_hint text,
  schema_json text,
  inputs text,
  created_at_utc timestamp,
  meta_json text,
  job_meta_json text,
  provenance_json text,
  manifest_sha256 text,
  reject_code text,
  reject_error text,
  reject_details text,
  op_json text,
  content_hash text,
  PRIMARY KEY (seq, ordinal)
);
-- Write-once: one key, one content.
CREATE UNIQUE INDEX journal_keys ON bus.journal (artifact_key) WHERE status = 'ingested';

-- Each schema of a canonical hint, with the first artifact that had it.
CREATE TABLE bus.schemas (
  seq bigint NOT NULL,
  ordinal bigint NOT NULL,
  schema_hint text NOT NULL,
  artifact_key text NOT NULL,
  schema_json text NOT NULL,
  PRIMARY KEY (seq, ordinal)
);
CREATE UNIQUE INDEX schemas_once ON bus.schemas (schema_hint, md5(schema_json));

-- The rows of one commit for one canonical table, as a file. The file is missing until object is
-- set. It can be rebuilt from the journal and the store.
CREATE TABLE bus.fragments (
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  table_name text NOT NULL,
  object text,
  rows bigint,
  committed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (last_seq, table_name)
);
CREATE INDEX fragments_missing ON bus.fragments (last_seq) WHERE object IS NULL;

-- The daemon that works on each job. A lease only avoids double work; nothing else depends on it.
CREATE TABLE bus.work (
  job_id text PRIMARY KEY,
  daemon text NOT NULL,
  lease_until timestamptz NOT NULL
);

CREATE TABLE bus.members (
  daemon text PRIMARY KEY,
  host text NOT NULL,
  pid integer NOT NULL,
  version text NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  last_seen timestamptz NOT NULL DEFAULT now()
);
