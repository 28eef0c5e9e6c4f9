-- Whoever reads the log is told to stop; here it is only noted.
DELETE FROM ev
---
INSERT INTO ev (i, id, job, holds, reason, repeats)
SELECT min(c.key), c.value, j.seq, j.stage,
	coalesce(?1 ->> '$.reason', 'cancel'), j.cancel IS NOT NULL
FROM json_each(?1, '$.ids') c LEFT JOIN job j ON j.id = c.value
GROUP BY c.value
---
UPDATE job SET cancel = e.reason FROM ev e
WHERE job.seq = e.job AND job.seq IN (SELECT job FROM ev) AND job.stage < 4
	AND job.cancel IS NULL
---
SELECT '{"event":"cancel","id":' || json_quote(e.id) || ',"was":"'
	|| CASE WHEN e.holds IS NULL THEN 'unknown'
		WHEN e.holds < 3 THEN 'pending'
		WHEN e.holds = 3 THEN 'running' WHEN e.holds = 4 THEN 'completed'
		WHEN e.holds = 5 THEN 'cancelled' ELSE 'failed' END
	|| '","done":' || CASE WHEN e.holds < 3 THEN 'true'
		WHEN e.holds = 3 AND NOT e.repeats THEN 'true'
		ELSE 'false' END
	|| CASE WHEN e.holds = 3 THEN ',"worker":' || json_quote(j.worker)
		|| ',"asked_before":' || iif(e.repeats, 'true', 'false')
		ELSE '' END || '}'
FROM ev e LEFT JOIN job j ON j.seq = e.job ORDER BY e.i
