-- Issues in the order of their ids, which is that of claims, too. A status
-- that is none of ours is the site's own: such an issue has ended.
asked AS MATERIALIZED (SELECT q.*, coalesce(q."limit", 500) AS most,
		CASE WHEN q.ids IS NOT NULL THEN ARRAY(SELECT u::bigint
			FROM unnest(q.ids) u
			WHERE u ~ '^(0|[1-9][0-9]{0,9})$') END AS numbers
	FROM json_to_record($1::json) q (by text, "limit" integer,
		after bigint, ids text[], tail text, state text,
		queues text[], name text, flow text, key text,
		older_ms bigint, stuck_ms bigint)),
known AS NOT MATERIALIZED (SELECT c.id, c.status, c.description,
		c.assigned_worker_id, c.completed_at,
		c AS issue, a.last_error,
		CASE c.status WHEN 'pending' THEN 'pending'
			WHEN 'started' THEN 'running'
			WHEN 'completed' THEN 'completed'
			WHEN :'failed' THEN 'failed' ELSE 'cancelled' END
			AS state,
		coalesce(a.attempts, 0) AS attempts,
		CASE WHEN c.created_at BETWEEN '1970-01-02' AND '9000-01-01'
			THEN c.created_at
			ELSE LOCALTIMESTAMP END::timestamptz AS made,
		CASE WHEN c.updated_at BETWEEN '1970-01-02' AND '9000-01-01'
			THEN c.updated_at
			ELSE LOCALTIMESTAMP END::timestamptz AS touched,
		CASE WHEN c.started_at BETWEEN '1970-01-02' AND '9000-01-01'
			THEN c.started_at
			ELSE LOCALTIMESTAMP END::timestamptz AS begun,
		CASE WHEN c.status = 'pending' AND c.updated_at
				BETWEEN '1970-01-02' AND '9000-01-01'
			THEN c.updated_at::timestamptz
				+ make_interval(secs => a.wait_seconds)
			END AS due
	FROM cape_issues c LEFT JOIN attempt a ON a.id = c.id
	WHERE c.id >= 0),
page AS MATERIALIZED (SELECT k.id, octet_length(k.description) AS bytes
	FROM known k, asked q
	WHERE k.id > coalesce(q.after, -1)
		AND CASE coalesce(q.by, 'all')
			WHEN 'ids' THEN k.id = ANY (q.numbers)
			WHEN 'running' THEN k.status = 'started'
			WHEN 'failed' THEN k.state = 'failed'
			WHEN 'ready' THEN k.status = 'pending'
				AND coalesce(k.due <= clock_timestamp(), true)
			WHEN 'tail' THEN right(k.id::text, length(q.tail))
				= q.tail
			WHEN 'flow' THEN false ELSE true END
		AND q.flow IS NULL AND q.key IS NULL
		AND (q.state IS NULL OR q.state = k.state)
		AND (coalesce(cardinality(q.queues), 0) = 0
			OR 'default' = ANY (q.queues))
		AND (q.name IS NULL OR q.name = 'cape')
		AND (q.older_ms IS NULL OR k.made <= clock_timestamp()
			- make_interval(secs => q.older_ms / 1000.0))
		AND (q.stuck_ms IS NULL OR (k.status IN ('pending', 'started')
			AND CASE k.status WHEN 'started' THEN k.begun
				ELSE coalesce(k.due, k.made) END
			<= clock_timestamp()
				- make_interval(secs => q.stuck_ms / 1000.0)))
	ORDER BY k.id LIMIT (SELECT most FROM asked)),
shown AS MATERIALIZED (SELECT p.id FROM (SELECT *,
			sum(bytes) OVER (ORDER BY id) AS so_far,
			row_number() OVER (ORDER BY id) AS place
		FROM page) p
	WHERE p.place = 1 OR p.so_far <= 4000000)
SELECT line FROM (
	SELECT 0 AS part, k.id, concat('{"id":"', k.id,
		'","queue":"default","name":"cape","priority":0,',
		'"max_attempts":5,"input":', CASE
			WHEN octet_length(k.description) < 200000
				OR octet_length(row_to_json(k.issue)::text)
					< 1900000
			THEN translate(row_to_json(k.issue)::text, E'\r\n', '  ')
			ELSE 'null' END,
		',"attempt":', k.attempts
			+ (k.status IN ('started', 'completed'))::integer,
		',"run_at":"', to_char(coalesce(k.due, k.made)
			AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
		'","state":"', k.state,
		'","pushed_at":"', to_char(k.made AT TIME ZONE 'UTC',
			'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '"',
		CASE WHEN k.status = 'started' THEN concat(
			',"held":{"worker":',
			to_json(coalesce(k.assigned_worker_id, '')), ',"age":',
			greatest(0, extract(epoch FROM clock_timestamp()
				- k.begun))::bigint,
			',"renewed":', greatest(0, extract(epoch FROM
				clock_timestamp() - k.touched))::bigint, '}')
		WHEN k.state = 'completed' THEN concat(',"ended":{"at":"',
			to_char(CASE WHEN k.completed_at
					BETWEEN '1970-01-02' AND '9000-01-01'
				THEN k.completed_at::timestamptz
				ELSE k.touched END AT TIME ZONE 'UTC',
				'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '"}')
		WHEN k.state IN ('cancelled', 'failed') OR k.attempts > 0
			THEN concat(',"ended":{"at":"', to_char(k.touched
				AT TIME ZONE 'UTC',
				'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '"',
			CASE WHEN k.status <> 'pending' THEN
				concat(',"reason":', to_json(k.status)) END,
			',"error":' || to_json(k.last_error)::text, '}') END,
		'}') AS line
	FROM shown s JOIN known k ON k.id = s.id
	UNION ALL
	SELECT 1, NULL, concat('{"event":"page","after":', max(s.id), '}')
	FROM shown s
	HAVING count(*) > 0 AND (count(*) >= (SELECT most FROM asked)
		OR count(*) < (SELECT count(*) FROM page))
) answer ORDER BY part, id
