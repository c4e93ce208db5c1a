-- The tokens of the daemons' servers, by their hashes. A revoked one stays, without its hashes: once
-- there was a token, every request needs one.
CREATE TABLE bus.tokens (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  sha256 text,
  session_sha256 text,
  scopes text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
CREATE UNIQUE INDEX tokens_by_name ON bus.tokens (name) WHERE revoked_at IS NULL;
