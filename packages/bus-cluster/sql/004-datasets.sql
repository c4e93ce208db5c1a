-- The tables that each golden export reads (NULL: unknown), the checksum of its file, its dataset.
ALTER TABLE bus.exports
  ADD COLUMN reads text[],
  ADD COLUMN sha256 text,
  ADD COLUMN files bigint NOT NULL DEFAULT 1,
  ADD COLUMN dataset text,
  -- The attempt that changes the dataset's objects. It stays if that attempt fails.
  ADD COLUMN writing text;
