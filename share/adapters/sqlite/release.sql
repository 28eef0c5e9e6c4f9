-- What needed a job that is completed now no longer waits for it; a job whose
-- last need this was can start, or waits for its time.
DELETE FROM freed
---
INSERT OR IGNORE INTO freed
SELECT n.job FROM fold f CROSS JOIN job p ON p.seq = f.job
	CROSS JOIN need n ON n.id = p.id
WHERE f.stage = 4
---
DELETE FROM need WHERE job IN (SELECT job FROM freed) AND id IN
	(SELECT p.id FROM fold f CROSS JOIN job p ON p.seq = f.job
	WHERE f.stage = 4)
---
UPDATE job SET stage = 1 + (run_ms <= (SELECT now FROM req))
WHERE seq IN (SELECT job FROM freed) AND stage = 0
	AND NOT EXISTS (SELECT 1 FROM need WHERE need.job = job.seq)
