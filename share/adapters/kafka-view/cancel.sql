-- Whoever reads the log is told to stop; here it is only noted.
-- include cancel-find.sql
---
UPDATE job SET cancel = e.reason FROM ev e
WHERE job.seq = e.job AND job.seq IN (SELECT job FROM ev) AND job.stage < 4
	AND job.cancel IS NULL
---
-- include cancel-answer.sql
