-- The oldest issues that wait for nothing, locked and started. Workers that
-- ask at once get different ones, for what another has locked is passed over,
-- be it one of jobq's or one of those that were there before.
--
-- The epoch is started_at in microseconds. It is the time of the row, not of
-- the transaction, so that no two claims of an issue have the same. A column
-- of the site's own that is json may hold line feeds, which its row keeps.
asked AS MATERIALIZED (SELECT q.worker, q.lease, q.ring, q.count,
		CASE WHEN q.flow IS NULL AND (coalesce(cardinality(q.queues),
				0) = 0 OR 'default' = ANY (q.queues))
			THEN coalesce(q."limit", 1) ELSE 0 END AS wanted,
		coalesce(q."limit", 1) AS places,
		coalesce(cardinality(q.queues), 0) > 0 OR q.flow IS NOT NULL
			AS narrow,
		CASE WHEN q.ids IS NOT NULL THEN ARRAY(SELECT u::bigint
			FROM unnest(q.ids) u
			WHERE u ~ '^(0|[1-9][0-9]{0,9})$') END AS ids
	FROM json_to_record($1::json) q ("limit" integer, worker text,
		lease double precision, ring boolean, flow text,
		queues text[], ids text[], count boolean)),
ready AS MATERIALIZED (
	SELECT c.id, coalesce(a.attempts, 0) AS attempts,
		octet_length(c.description) AS bytes
	FROM cape_issues c LEFT JOIN attempt a ON a.id = c.id
	WHERE c.status = 'pending' AND c.id >= 0
		AND (a.id IS NULL OR coalesce(c.updated_at::timestamptz
			<= clock_timestamp()
				- make_interval(secs => a.wait_seconds), true))
		AND ((SELECT ids IS NULL FROM asked)
			OR c.id = ANY ((SELECT ids FROM asked)::bigint[]))
-- include fits.sql
	ORDER BY c.id
	LIMIT (SELECT wanted FROM asked)
	FOR UPDATE OF c SKIP LOCKED),
-- An answer is at most some 4 MiB, but never less than one job.
found AS (SELECT r.id, r.attempts FROM (
		SELECT *, sum(bytes) OVER (ORDER BY id) AS so_far,
			row_number() OVER (ORDER BY id) AS place
		FROM ready) r
	WHERE r.place = 1 OR r.so_far <= 4000000),
taken AS (
	UPDATE cape_issues c SET status = 'started',
		assigned_worker_id = asked.worker,
		started_at = clock_timestamp()::timestamp,
		updated_at = LOCALTIMESTAMP
	FROM found f, asked
	WHERE c.id = f.id AND c.status = 'pending'
	RETURNING c.id, f.attempts, c.created_at,
		(extract(epoch FROM c.started_at) * 1000000)::bigint AS epoch,
		translate(row_to_json(c)::text, E'\r\n', '  ') AS issue)
SELECT line FROM (
	SELECT 0 AS part, t.id, concat('{"id":"', t.id,
		'","queue":"default","name":"cape","priority":0,',
		'"max_attempts":5,"input":', t.issue, ',"attempt":',
		t.attempts + 1, ',"run_at":"', to_char(CASE WHEN t.created_at
				BETWEEN '1970-01-02' AND '9000-01-01'
			THEN t.created_at ELSE LOCALTIMESTAMP
			END::timestamptz AT TIME ZONE 'UTC',
			'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
		'","state":"running","lease":{"epoch":', t.epoch,
		',"worker":', to_json(asked.worker),
		CASE WHEN :'heartbeat' = '1' THEN
			',"seconds":' || asked.lease END,
		CASE WHEN asked.ring THEN ',"ring":true' END, '}}') AS line
	FROM taken t, asked
	UNION ALL
	-- What the claim waits for, counted no further than 1000.
	SELECT 1, NULL, concat('{"event":"idle"',
		CASE WHEN asked.wanted > 0 THEN ',"next_in":' || (
			SELECT round(greatest(0, min(extract(epoch FROM
				c.updated_at::timestamptz - clock_timestamp())
				+ a.wait_seconds))::numeric, 3)
			FROM cape_issues c JOIN attempt a ON a.id = c.id
			WHERE c.status = 'pending' AND c.id >= 0
				AND isfinite(c.updated_at)
				AND c.id NOT IN (SELECT id FROM ready)
			HAVING count(*) > 0) END,
		CASE WHEN asked.count OR NOT asked.narrow THEN
			',"unfinished":' || CASE WHEN asked.wanted = 0 THEN 0
			ELSE (SELECT count(*) FROM (SELECT 1 FROM cape_issues c
				WHERE c.status IN ('pending', 'started')
					AND c.id >= 0
				LIMIT 1000) u) END END, '}')
	FROM asked
	WHERE asked.places > 0 AND (asked.wanted = 0
		OR ((SELECT count(*) FROM ready) < asked.wanted
			AND (SELECT count(*) FROM found)
				= (SELECT count(*) FROM ready)))
) answer ORDER BY part, id
