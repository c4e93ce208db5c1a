-- What each golden export reads (NULL: anything), the checksum of its file, and its dataset.
ALTER TABLE bus.exports
  ADD COLUMN reads text[],
  ADD COLUMN sha256 text,
  ADD COLUMN files bigint NOT NULL DEFAULT 1,
  ADD COLUMN dataset text,
  -- The attempt that changes the dataset's objects. It stays if that attempt fails.
  ADD COLUMN writing text;
