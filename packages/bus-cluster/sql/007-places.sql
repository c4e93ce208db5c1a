-- Objects that rows of forgetting up to this job name may be removed at any time, also by a daemon
-- that was frozen for long. Never name them again: a job that brings such an artifact back stores
-- its bytes under a new key. Those that earlier versions have forgotten count as such.
ALTER TABLE bus.removal ADD COLUMN condemned bigint NOT NULL DEFAULT 0;
UPDATE bus.removal SET condemned = (SELECT coalesce(max(seq), 0) FROM bus.journal WHERE status IN ('forgotten', 'erased'));
