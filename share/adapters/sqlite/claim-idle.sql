-- Said when fewer jobs were taken than were wanted. unfinished counts no
-- further than 1000.
SELECT '{"event":"idle"' || coalesce(',"next_in":' || round(max(0,
	min((SELECT min(run_ms) FROM job WHERE stage = 1), 9e15) - r.now)
		/ 1000.0, 3), '')
	|| ',"unfinished":' || (SELECT count(*) FROM (SELECT 1 FROM job
		WHERE stage = 1 UNION ALL SELECT 1 FROM job WHERE stage = 2
		UNION ALL SELECT 1 FROM job WHERE stage = 3 LIMIT 1000))
	|| '}'
FROM req r WHERE (SELECT count(*) FROM take) < r.wanted
