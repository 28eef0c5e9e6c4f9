-- Said when fewer jobs were taken than were wanted. unfinished is what is
-- pending or running of the queues or the flow, counted no further than 1000,
-- and for some queues or a flow only when that is asked for; what is blocked
-- does not count. next_in is of the queues or the flow, too: where a thousand
-- jobs of others are due before theirs, the time of the thousandth is said.
SELECT '{"event":"idle"' || coalesce(',"next_in":' || round(max(0,
	min(coalesce((SELECT d.run_ms FROM (SELECT run_ms, queue, flow
			FROM job INDEXED BY job_due
			WHERE stage = 1 ORDER BY run_ms LIMIT 1000) d
		WHERE (r.flow IS NULL OR d.flow = r.flow)
			AND (NOT r.by_queue OR d.queue IN
				(SELECT value FROM json_each(?1, '$.queues')))
		LIMIT 1), (SELECT run_ms FROM job INDEXED BY job_due
		WHERE stage = 1 ORDER BY run_ms LIMIT 1 OFFSET 999)), 9e15) - r.now)
		/ 1000.0, 3), '')
	|| CASE WHEN ?1 ->> '$.count' IS NOT 1
		AND (r.by_queue OR r.flow IS NOT NULL) THEN '' ELSE ',"unfinished":'
	|| CASE WHEN r.flow IS NOT NULL THEN (SELECT count(*) FROM (SELECT 1
		FROM job j INDEXED BY job_flow
		WHERE j.flow = r.flow AND j.stage IN (1, 2, 3) LIMIT 1000))
	ELSE (SELECT count(*) FROM (SELECT 1
		FROM job j INDEXED BY job_due WHERE j.stage = 1
			AND (NOT r.by_queue OR j.queue IN
				(SELECT value FROM json_each(?1, '$.queues')))
		UNION ALL SELECT 1
		FROM job j INDEXED BY job_lease WHERE j.stage = 3
			AND (NOT r.by_queue OR j.queue IN
				(SELECT value FROM json_each(?1, '$.queues')))
		UNION ALL SELECT 1
		FROM queue q CROSS JOIN job j
		WHERE j.stage = 2 AND j.queue = q.name AND j.rescues < 2
			AND (NOT r.by_queue OR q.name IN
				(SELECT value FROM json_each(?1, '$.queues')))
		UNION ALL SELECT 1
		FROM queue q CROSS JOIN job j
		WHERE j.stage = 2 AND j.queue = q.name AND j.rescues >= 2
			AND (NOT r.by_queue OR q.name IN
				(SELECT value FROM json_each(?1, '$.queues')))
		LIMIT 1000)) END END
	|| '}'
FROM req r WHERE (SELECT count(*) FROM take) < r.wanted OR r.wanted = 0
