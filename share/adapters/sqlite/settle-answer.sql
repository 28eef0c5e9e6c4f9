SELECT CASE WHEN e.event = 'alive' THEN
	e.line || ',"lost":['
	|| coalesce((SELECT group_concat('["' || (a.value ->> 0) || '",'
		|| (a.value ->> 1) || ']') FROM json_each(e.jobs) a
		LEFT JOIN job j ON j.id = a.value ->> 0
			AND j.epoch = a.value ->> 1 AND j.worker = e.worker
			AND j.stage = 3
		WHERE j.seq IS NULL), '') || ']'
	|| CASE WHEN e.waiting THEN ',"started":['
		|| coalesce((SELECT group_concat('["' || j.id || '",'
			|| j.epoch || ']') FROM json_each(e.jobs) a
			JOIN job j ON j.id = a.value ->> 0
				AND j.epoch = a.value ->> 1
				AND j.worker = e.worker AND j.stage = 3
				AND j.started_ms IS NOT NULL), '') || ']'
		ELSE '' END || '}'
	ELSE e.line || ',"settled":' || e.settled || CASE
		WHEN f.i IS NULL OR f.i <> e.i THEN ''
		WHEN f.stage IN (1, 2) THEN ',"state":"pending","run_at":"'
			|| strftime('%Y-%m-%dT%H:%M:%fZ', f.run_ms / 1000.0,
				'unixepoch') || '"'
		ELSE ',"state":"' || CASE f.stage WHEN 4 THEN 'completed'
			WHEN 5 THEN 'cancelled' ELSE 'failed' END || '"' END
		|| '}'
	END
FROM ev e LEFT JOIN fold f ON f.job = e.job
ORDER BY e.i
