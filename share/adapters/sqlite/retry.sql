-- A job that failed or was cancelled begins anew; one that waits out a
-- backoff is due at once. What runs, is completed or blocked stays.
DELETE FROM req
---
INSERT INTO req (now)
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
---
DELETE FROM ev
---
INSERT INTO ev (i, id, job, holds, waiting)
SELECT min(c.key), c.value, j.seq, j.stage,
	j.stage > 4 AND j.key IS NOT NULL AND EXISTS (SELECT 1 FROM job k
		WHERE k.queue = j.queue AND k.key = j.key AND k.key IS NOT NULL
			AND k.stage < 4)
FROM json_each(?1, '$.ids') c LEFT JOIN job j ON j.id = c.value
GROUP BY c.value
---
-- Of two finished jobs with one key the first that is named goes on.
UPDATE ev SET waiting = 1 FROM job j
WHERE j.seq = ev.job AND j.stage > 4 AND j.key IS NOT NULL AND EXISTS
	(SELECT 1 FROM ev e JOIN job k ON k.seq = e.job
	WHERE e.i < ev.i AND k.stage > 4 AND k.queue = j.queue
		AND k.key = j.key)
---
UPDATE job SET stage = CASE WHEN EXISTS (SELECT 1 FROM need n
			WHERE n.job = job.seq) THEN 0 ELSE 2 END,
	run_ms = r.now, expires_ms = CASE WHEN job.expires_ms > r.now
		THEN job.expires_ms END,
	attempt = CASE WHEN job.stage > 4 THEN 0 ELSE job.attempt END,
	rescues = 0, snoozes = 0, prune_ms = NULL, settled = NULL
FROM ev e, req r
WHERE job.seq = e.job AND job.seq IN (SELECT job FROM ev)
	AND e.waiting IS NOT 1
	AND (e.holds > 4 OR e.holds IN (1, 2))
---
SELECT '{"event":"retry","id":' || json_quote(e.id) || ',"was":"'
	|| CASE WHEN e.holds IS NULL THEN 'unknown'
		WHEN e.holds = 0 THEN 'blocked' WHEN e.holds < 3 THEN 'pending'
		WHEN e.holds = 3 THEN 'running' WHEN e.holds = 4 THEN 'completed'
		WHEN e.holds = 5 THEN 'cancelled' ELSE 'failed' END
	|| '","done":' || CASE WHEN e.waiting IS 1 THEN 'false,"why":"key"'
		WHEN e.holds > 4 OR e.holds IN (1, 2) THEN 'true'
		ELSE 'false' END || '}'
FROM ev e ORDER BY e.i
