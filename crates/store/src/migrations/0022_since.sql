-- Since when an exception was in force, whatever became of it later: a report
-- of a past moment must not guess it from approvals. Of one that was taken back
-- the last approval is the best that is known.
ALTER TABLE exceptions ADD COLUMN since BIGINT;

UPDATE exceptions SET since = decided WHERE state IN ('approved', 'replaced');

UPDATE exceptions
SET since = (SELECT MAX(added) FROM exception_approvals WHERE exception = exceptions.id)
WHERE state = 'withdrawn' AND quorum <= (SELECT COUNT(*) FROM exception_approvals WHERE exception = exceptions.id);
