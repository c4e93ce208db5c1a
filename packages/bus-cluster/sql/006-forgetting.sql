-- Rows of a journal on one machine that forget an artifact or restore it. The newest one of a key
-- decides (packages/bus-format, journal/forgotten.ts).
ALTER TABLE bus.journal DROP CONSTRAINT journal_status_check;
ALTER TABLE bus.journal ADD CONSTRAINT journal_status_check CHECK
  (status IN ('ingested', 'duplicate', 'rejected', 'done', 'restored', 'forgotten', 'erased'));
CREATE INDEX journal_turns ON bus.journal (artifact_key, seq) WHERE status IN ('forgotten', 'erased', 'restored');
-- The newest artifact of a source is never forgotten unless someone forces it.
CREATE INDEX journal_sources ON bus.journal (producer, kind, artifact_id, seq) WHERE status = 'ingested';

-- The artifacts that are forgotten now, each with the job that did it.
CREATE VIEW bus.forgotten AS
SELECT artifact_key, seq, committed_at AS forgotten_at, status, rel_path, bytes, sha256, schema_hint FROM (
  SELECT DISTINCT ON (artifact_key) artifact_key, seq, committed_at, status, rel_path, bytes, sha256, schema_hint
  FROM bus.journal WHERE status IN ('forgotten', 'erased', 'restored') ORDER BY artifact_key, seq DESC) turns
WHERE status <> 'restored';

-- The bytes of artifacts that jobs up to this one have forgotten are removed. Without it, the
-- daemons look again.
CREATE TABLE bus.removal (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  seq bigint NOT NULL DEFAULT 0
);
INSERT INTO bus.removal DEFAULT VALUES;

-- A job whose rows left a canonical table. It is published alone.
CREATE INDEX journal_erased ON bus.journal (seq) WHERE status = 'erased';
-- The job whose rows this fragment brings back to the table; 0: those of its own commit.
ALTER TABLE bus.fragments ADD COLUMN restores bigint NOT NULL DEFAULT 0;
ALTER TABLE bus.fragments DROP CONSTRAINT fragments_pkey;
ALTER TABLE bus.fragments ADD PRIMARY KEY (last_seq, table_name, restores);
