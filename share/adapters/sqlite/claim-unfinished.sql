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
