-- A waiting job is cancelled at once; a running one is flagged, and its
-- worker told at the next look; one whose worker is silent is cancelled when
-- its lease ends (lapse.sql).
DELETE FROM req
---
INSERT INTO req (now)
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
---
-- include cancel-find.sql
---
DELETE FROM lapsed
---
INSERT INTO lapsed (job, stage, event, reason, back, rescue)
SELECT job, 5, 'cancelled', reason, 0, 0 FROM ev WHERE holds < 3
---
-- include lapsed-apply.sql
---
UPDATE job SET cancel = e.reason FROM ev e
WHERE job.seq = e.job AND job.seq IN (SELECT job FROM ev) AND job.stage = 3
	AND job.cancel IS NULL
---
-- include cancel-answer.sql
