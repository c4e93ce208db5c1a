-- The golden exports: up to which job each is written, and why the last attempt failed.
CREATE TABLE bus.exports (
  name text PRIMARY KEY,
  seq bigint NOT NULL,
  definition text NOT NULL,
  rows bigint NOT NULL,
  bytes bigint NOT NULL,
  finished_at timestamptz NOT NULL,
  error text
);
