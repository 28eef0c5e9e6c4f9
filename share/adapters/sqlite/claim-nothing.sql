FROM r WHERE NOT EXISTS (SELECT 1 FROM json_each(?1, '$.held') h
		LEFT JOIN job j ON j.id = h.value ->> 0
			AND j.epoch = h.value ->> 1 AND j.worker = r.worker
			AND j.stage = 3
		WHERE j.seq IS NULL OR j.cancel IS NOT NULL)
	AND NOT EXISTS (SELECT 1 FROM job WHERE stage = 1 AND run_ms <= r.now)
	AND NOT EXISTS (SELECT 1 FROM job
		WHERE stage = 3 AND lease_until < r.now)
	AND NOT EXISTS (SELECT 1 FROM job WHERE expires_ms IS NOT NULL
		AND stage < 3 AND expires_ms <= r.now)
	AND (r.wanted = 0 OR r.flow IS NOT NULL OR NOT EXISTS (SELECT 1
		FROM queue q CROSS JOIN job j
			ON j.stage = 2 AND j.queue = q.name AND j.rescues < 2
		WHERE q.paused_ms IS NULL AND (NOT r.by_queue OR q.name IN
			(SELECT value FROM json_each(?1, '$.queues')))))
	AND (r.wanted = 0 OR r.flow IS NOT NULL OR NOT EXISTS (SELECT 1
		FROM queue q CROSS JOIN job j
			ON j.stage = 2 AND j.queue = q.name AND j.rescues >= 2
		WHERE q.paused_ms IS NULL AND (NOT r.by_queue OR q.name IN
			(SELECT value FROM json_each(?1, '$.queues')))))
	AND (r.wanted = 0 OR r.flow IS NULL OR NOT EXISTS (SELECT 1
		FROM job j INDEXED BY job_flow
			CROSS JOIN queue q ON q.name = j.queue
		WHERE j.flow = r.flow AND j.stage = 2 AND q.paused_ms IS NULL
			AND (NOT r.by_queue OR q.name IN
			(SELECT value FROM json_each(?1, '$.queues')))))
