SELECT CASE
	WHEN e.event = 'alive' THEN e.line || ',"lost":['
		|| coalesce((SELECT group_concat('["' || id || '",' || epoch
				|| ']')
			FROM named WHERE at = e.i AND job IS NULL), '') || ']'
		|| iif(e.waiting, ',"started":[' || coalesce((SELECT
			group_concat('["' || id || '",' || epoch || ']')
			FROM named WHERE at = e.i AND started), '') || ']', '')
		|| '}'
	WHEN e.i = f.i THEN e.line || ',"settled":true,"state":"' || CASE
		WHEN f.stage IN (1, 2) THEN 'pending","run_at":"'
			|| strftime('%Y-%m-%dT%H:%M:%fZ', f.run_ms / 1000.0,
				'unixepoch')
		WHEN f.stage = 4 THEN 'completed'
		WHEN f.stage = 5 THEN 'cancelled'
		ELSE 'failed' END || '"}'
	WHEN e.job IS NULL OR e.epoch IS NULL THEN
		e.line || ',"settled":"unknown"}'
	WHEN (e.holds AND (f.i IS NULL OR e.i < f.i OR e.event = f.event))
		OR e.repeats
		OR (e.n IS NOT NULL AND NOT e.ending AND EXISTS (SELECT 1
			FROM event l, job j WHERE j.seq = e.job
				AND j.worker = e.worker AND l.job = e.job
				AND l.epoch = e.epoch AND l.n = e.n))
		THEN e.line || ',"settled":true}'
	ELSE e.line || ',"settled":"stale"}'
	END
FROM ev e LEFT JOIN fold f ON f.job = e.job
ORDER BY e.i
