-- The files that programs send over HTTP, until their jobs are submitted. Their bytes are below
-- uploads/ in the object store.
CREATE TABLE bus.uploads (
  owner text NOT NULL,
  file text NOT NULL,
  received bigint NOT NULL DEFAULT 0,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (owner, file)
);
-- The bytes that each token has sent, by the hour.
CREATE TABLE bus.upload_bytes (
  owner text NOT NULL,
  hour timestamptz NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (owner, hour)
);
