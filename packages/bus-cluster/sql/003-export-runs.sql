-- The last attempt at each golden export, and an index to find the requests of operators.
ALTER TABLE bus.exports
  ADD COLUMN tried_seq bigint NOT NULL DEFAULT 0,
  ADD COLUMN tried_at timestamptz,
  ADD COLUMN duration_ms bigint;
CREATE INDEX journal_operations ON bus.journal (seq) WHERE op_json IS NOT NULL;
