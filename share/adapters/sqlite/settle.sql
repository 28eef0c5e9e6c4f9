-- Every write to a running job is compare-and-set on (epoch, worker). A
-- batch is folded first: the first ending of a job counts, so each job is
-- updated once however many of its events the batch holds.
DELETE FROM req
---
INSERT INTO req (now)
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
---
-- include settle-events.sql
---
-- include retention.sql
---
-- include settle-answer.sql
