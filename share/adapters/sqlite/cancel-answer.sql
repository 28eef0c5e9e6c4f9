SELECT '{"event":"cancel","id":' || json_quote(e.id) || ',"was":"'
	|| CASE WHEN e.holds IS NULL THEN 'unknown'
		WHEN e.holds = 0 THEN 'blocked' WHEN e.holds < 3 THEN 'pending'
		WHEN e.holds = 3 THEN 'running' WHEN e.holds = 4 THEN 'completed'
		WHEN e.holds = 5 THEN 'cancelled' ELSE 'failed' END
	|| '","done":' || CASE WHEN e.holds < 3 THEN 'true'
		WHEN e.holds = 3 AND NOT e.repeats THEN 'true'
		ELSE 'false' END
	|| CASE WHEN e.holds = 3 THEN ',"worker":' || json_quote(j.worker)
		|| ',"asked_before":' || iif(e.repeats, 'true', 'false')
		ELSE '' END || '}'
FROM ev e LEFT JOIN job j ON j.seq = e.job ORDER BY e.i
