-- Each job that was committed after this time has its receipt, or its reason and no retry. `gc`
-- moves it before it removes outcomes.
ALTER TABLE bus.removal ADD COLUMN outcomes_since timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC');
CREATE INDEX jobs_retries ON bus.jobs (retry_of) WHERE retry_of > 0;
