-- The last operation on a canonical table. A hint may lead to another table from then on, and a
-- table may start anew. So schemas are recorded once after each operation.
ALTER TABLE bus.head ADD COLUMN turn bigint NOT NULL DEFAULT 0;
UPDATE bus.head SET turn = (
  SELECT coalesce(max(seq), 0) FROM bus.journal
  WHERE op_json IS NOT NULL AND status = 'done' AND starts_with(CAST(op_json AS json)->>'type', 'table_'));
ALTER TABLE bus.schemas ADD COLUMN turn bigint NOT NULL DEFAULT 0;
DROP INDEX bus.schemas_once;
CREATE UNIQUE INDEX schemas_once ON bus.schemas (turn, schema_hint, md5(schema_json));
-- The last job whose rows a fragment brings back because its table was restored. The first one is
-- in `restores`; 0: the rows of one job, whose artifacts were restored.
ALTER TABLE bus.fragments ADD COLUMN restores_to bigint NOT NULL DEFAULT 0;
