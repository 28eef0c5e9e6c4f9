-- A plain read: when there is nothing to take, nothing to settle, nothing
-- held and nothing lapsed, the answer is idle and no writer's turn is taken.
WITH r AS MATERIALIZED (SELECT
	CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
		AS now,
	coalesce(?1 ->> '$.limit', 1) AS wanted)
SELECT '{"event":"idle"' || coalesce(',"next_in":' || round(max(0,
	(SELECT min(run_ms) FROM job WHERE stage = 1) - r.now)
		/ 1000.0, 3), '')
	|| ',"unfinished":' || (SELECT count(*) FROM (SELECT 1 FROM job
		WHERE stage = 1 UNION ALL SELECT 1 FROM job WHERE stage = 2
		UNION ALL SELECT 1 FROM job WHERE stage = 3 LIMIT 1000))
	|| '}'
FROM r WHERE coalesce(json_array_length(?1, '$.events'), 0) = 0
	AND coalesce(json_array_length(?1, '$.held'), 0) = 0
	AND NOT EXISTS (SELECT 1 FROM job WHERE stage = 1 AND run_ms <= r.now)
	AND NOT EXISTS (SELECT 1 FROM job
		WHERE stage = 3 AND lease_until < r.now)
	AND NOT EXISTS (SELECT 1 FROM job WHERE expires_ms IS NOT NULL
		AND stage < 3 AND expires_ms <= r.now)
	AND (r.wanted = 0 OR NOT EXISTS (SELECT 1
		FROM queue q CROSS JOIN job j
			ON j.stage = 2 AND j.queue = q.name
		WHERE q.paused_ms IS NULL))
