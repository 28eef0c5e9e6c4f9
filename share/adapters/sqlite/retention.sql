-- Finished jobs go when their time has come, with their events, some more
-- at each settle than it can have finished, so that the table stays bounded
-- without anyone's timer.
DELETE FROM gone
---
INSERT INTO gone
SELECT j.seq FROM req r CROSS JOIN job j INDEXED BY job_prune
WHERE j.prune_ms IS NOT NULL AND j.prune_ms <= r.now
ORDER BY j.prune_ms LIMIT (SELECT 10 + count(*) FROM ev)
---
-- include delete-gone.sql
