-- What the worker holds no more. Nobody asks for a running issue to be
-- cancelled.
SELECT concat('{"event":"stop","id":', to_json(h.pair ->> 0), ',"epoch":',
	h.pair ->> 1, ',"reason":"lost"}')
FROM json_array_elements($1::json -> 'held') WITH ORDINALITY h (pair, o)
LEFT JOIN cape_issues c ON c.id = CASE
		WHEN h.pair ->> 0 ~ '^(0|[1-9][0-9]{0,9})$'
		THEN (h.pair ->> 0)::bigint END
	AND c.status = 'started' AND isfinite(c.started_at)
	AND c.assigned_worker_id = $1::json ->> 'worker'
	AND extract(epoch FROM c.started_at) * 1000000
		= (h.pair ->> 1)::numeric
WHERE c.id IS NULL
ORDER BY h.o
