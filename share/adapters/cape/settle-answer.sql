-- The answers, a line for each event.
SELECT concat(t.line, CASE
	WHEN t.event = 'alive' THEN concat(',"lost":[', l.lost, ']',
		CASE WHEN t.waiting THEN concat(',"started":[',
			CASE WHEN :'heartbeat' <> '1' THEN l.held END, ']') END)
	WHEN m.id IS NULL OR t.epoch IS NULL OR t.worker IS NULL
		THEN ',"settled":"unknown"'
	WHEN NOT k.known THEN ',"settled":"stale"'
	WHEN NOT t.ends AND t.event <> 'started'
		THEN ',"settled":"unsupported"'
	WHEN NOT t.ends THEN ',"settled":true'
	WHEN k.settled IS NOT NULL AND k.settled <> t.event
		THEN ',"settled":"stale"'
	WHEN t.i = h.i THEN concat(',"settled":true,"state":"',
		CASE h.status WHEN 'completed' THEN 'completed'
			WHEN 'pending' THEN 'pending' ELSE 'failed' END, '"',
		CASE WHEN h.status = 'pending' THEN concat(',"run_at":"',
			to_char((now() + make_interval(secs =>
				h.wait_seconds)) AT TIME ZONE 'UTC',
				'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '"') END)
	ELSE ',"settled":true' END, '}')
FROM told t
LEFT JOIN mine m ON m.id = t.issue
LEFT JOIN changed h ON h.id = t.issue AND h.epoch = t.epoch
	AND h.worker = t.worker
LEFT JOIN attempt a ON a.id = t.issue
-- Whether the lease was or is that of the issue, and the ending that it came
-- to, by this batch or before.
CROSS JOIN LATERAL (SELECT
	coalesce((m.worker = t.worker AND m.epoch = t.epoch)
		OR (a.worker = t.worker AND a.epoch = t.epoch), false) AS known,
	CASE WHEN h.i IS NOT NULL THEN h.event
		WHEN m.status = 'started' AND m.worker = t.worker
			AND m.epoch = t.epoch THEN NULL
		WHEN m.status = 'completed' AND m.worker = t.worker
			AND m.epoch = t.epoch THEN 'completed'
		WHEN a.worker = t.worker AND a.epoch = t.epoch
			THEN a.settled
		ELSE 'failed' END AS settled) k
LEFT JOIN LATERAL (SELECT
	string_agg(v.pair::text, ',' ORDER BY v.o)
		FILTER (WHERE n.id IS NULL) AS lost,
	string_agg(v.pair::text, ',' ORDER BY v.o)
		FILTER (WHERE n.id IS NOT NULL) AS held
	FROM alive v LEFT JOIN mine n ON n.id = v.issue
		AND n.status = 'started' AND n.worker = v.worker
		AND n.epoch = v.epoch AND NOT EXISTS (SELECT 1 FROM changed x
			WHERE x.id = v.issue AND x.i IS NOT NULL)
	WHERE v.i = t.i) l ON t.event = 'alive'
ORDER BY t.i
