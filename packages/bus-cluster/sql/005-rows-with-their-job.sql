-- A job and its rows are written by one statement, so nothing needs to check that each row has its
-- job. The check took a seventh of a commit.
ALTER TABLE bus.journal DROP CONSTRAINT journal_seq_fkey;
