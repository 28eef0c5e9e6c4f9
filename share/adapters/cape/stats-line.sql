-- It reads the whole table, so it is for people and monitors, not for a loop.
known AS (SELECT c.status, c.created_at, c.status = 'pending' AND coalesce(
		c.updated_at::timestamptz > clock_timestamp()
			- make_interval(secs => a.wait_seconds), false) AS waits
	FROM cape_issues c LEFT JOIN attempt a ON a.id = c.id
	WHERE c.id >= 0)
SELECT concat('{"queue":"default","blocked":0',
	',"scheduled":', count(*) FILTER (WHERE waits),
	',"ready":', count(*) FILTER (WHERE status = 'pending' AND NOT waits),
	',"running":', count(*) FILTER (WHERE status = 'started'),
	',"completed":', count(*) FILTER (WHERE status = 'completed'),
	',"cancelled":', count(*) FILTER (WHERE status NOT IN ('pending',
		'started', 'completed', :'failed')),
	',"failed":', count(*) FILTER (WHERE status = :'failed'),
	',"oldest_ready":' || trim_scale(round(extract(epoch FROM
		clock_timestamp() - least(clock_timestamp(), min(created_at)
			FILTER (WHERE status = 'pending' AND NOT waits
				AND isfinite(created_at))::timestamptz)
		)::numeric, 3)), '}')
FROM known
HAVING coalesce(json_array_length($1::json -> 'queues'), 0) = 0
	OR EXISTS (SELECT 1 FROM json_array_elements_text(
		$1::json -> 'queues') q WHERE q = 'default')
