-- The golden exports: the last job that each contains, and the error of the last attempt.
CREATE TABLE bus.exports (
  name text PRIMARY KEY,
  seq bigint NOT NULL,
  definition text NOT NULL,
  rows bigint NOT NULL,
  bytes bigint NOT NULL,
  finished_at timestamptz NOT NULL,
  error text
);
