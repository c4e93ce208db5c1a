-- The newest scrub and the last garbage collection, as in scrub.json and gc.json of one machine. A
-- process that scrubs holds the scrub until it ends, or does not say for a while that it goes on.
CREATE TABLE bus.upkeep (
  work text PRIMARY KEY,
  state text,
  holder text,
  held_until timestamptz
);
INSERT INTO bus.upkeep (work) VALUES ('scrub'), ('gc');
