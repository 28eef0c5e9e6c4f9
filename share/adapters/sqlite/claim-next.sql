SELECT '{"event":"idle"' || coalesce(',"next_in":' || round(max(0,
	coalesce((SELECT d.run_ms FROM (SELECT run_ms, queue, flow
			FROM job INDEXED BY job_due
			WHERE stage = 1 ORDER BY run_ms LIMIT 1000) d
		WHERE (r.flow IS NULL OR d.flow = r.flow)
			AND (NOT r.by_queue OR d.queue IN
				(SELECT value FROM json_each(?1, '$.queues')))
		LIMIT 1), (SELECT run_ms FROM job INDEXED BY job_due
		WHERE stage = 1 ORDER BY run_ms LIMIT 1 OFFSET 999)) - r.now)
		/ 1000.0, 3), '')
