-- unless count
-- unless events
-- A plain read: when there is nothing to take, nothing to settle, nothing
-- held to be stopped and nothing lapsed, the answer is idle and no writer's
-- turn is taken.
WITH r AS MATERIALIZED (SELECT
	CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
		AS now,
	coalesce(?1 ->> '$.limit', 1) AS wanted, ?1 ->> '$.flow' AS flow,
	?1 ->> '$.worker' AS worker,
	coalesce(json_array_length(?1, '$.queues'), 0) > 0 AS by_queue)
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
	|| CASE WHEN r.by_queue OR r.flow IS NOT NULL THEN ''
	ELSE ',"unfinished":' || (SELECT count(*) FROM (SELECT 1 FROM job
		WHERE stage = 1 UNION ALL SELECT 1 FROM job
		WHERE stage = 2 AND rescues < 2 UNION ALL SELECT 1 FROM job
		WHERE stage = 2 AND rescues >= 2 UNION ALL SELECT 1 FROM job
		WHERE stage = 3 LIMIT 1000)) END
	|| '}'
-- include claim-nothing.sql
---
-- only count
-- unless events
WITH r AS MATERIALIZED (SELECT
	CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
		AS now,
	coalesce(?1 ->> '$.limit', 1) AS wanted, ?1 ->> '$.flow' AS flow,
	?1 ->> '$.worker' AS worker,
	coalesce(json_array_length(?1, '$.queues'), 0) > 0 AS by_queue)
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
-- include claim-nothing.sql
