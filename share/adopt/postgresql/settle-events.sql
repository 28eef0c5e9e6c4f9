-- Events change the rows of who holds them, and nothing else: rows are locked,
-- in the order of their ids, and then compared. Of several endings of a row
-- the first counts, so that it is changed once.
WITH event AS MATERIALIZED (
	SELECT t.i, e ->> 'event' AS event, e ->> 'id' AS id,
		(e ->> 'epoch')::bigint AS epoch, e ->> 'worker' AS worker,
		(e ->> 'retry')::boolean AS retry,
		(e ->> 'retry_after_ms')::bigint AS retry_after_ms,
		coalesce(e ->> 'error', e ->> 'reason') AS error,
		e -> 'jobs' AS jobs, e ->> 'waiting' AS waiting,
		e ->> 'line' AS line,
		CASE WHEN e ->> 'id' ~ :'id_form'
			THEN (e ->> 'id'):::{id_type} END AS key,
		e ->> 'event' IN ('completed', 'failed', 'cancelled',
			'released', 'snoozed') AS ends
	FROM json_array_elements($1::json -> 'events')
		WITH ORDINALITY t (e, i)),
-- What an alive event says that its worker holds.
named AS MATERIALIZED (
	SELECT e.i, e.worker, t.o, h ->> 0 AS id, (h ->> 1)::bigint AS epoch,
		CASE WHEN h ->> 0 ~ :'id_form'
			THEN (h ->> 0):::{id_type} END AS key
	FROM event e CROSS JOIN json_array_elements(e.jobs)
		WITH ORDINALITY t (h, o)
	WHERE e.event = 'alive'),
running AS MATERIALIZED (
	SELECT r.* FROM :"table" r
	WHERE r.:"id" = ANY (ARRAY(
			SELECT key FROM event WHERE key IS NOT NULL
			UNION SELECT key FROM named WHERE key IS NOT NULL))
		AND r.:"state" = :'running'
	ORDER BY r.:"id" FOR UPDATE),
held AS MATERIALIZED (
	SELECT v.i FROM event v JOIN running r ON r.:"id" = v.key AND
-- include holds.sql
	),
lost AS (
	SELECT v.i, string_agg(concat('[', to_json(v.id), ',', v.epoch, ']'),
		',' ORDER BY v.o) AS list
	FROM named v WHERE NOT EXISTS (SELECT FROM running r
		WHERE r.:"id" = v.key AND
-- include holds.sql
		)
	GROUP BY v.i),
-- What becomes of a row.
ending AS MATERIALIZED (
	SELECT DISTINCT ON (v.key) v.key, v.i, v.event, v.error, v.line,
		CASE WHEN v.event = 'completed' THEN 'completed'
			WHEN v.event IN ('released', 'snoozed') THEN 'pending'
--if attempts
			WHEN v.event = 'failed' AND v.retry IS NOT FALSE
				AND r.:"attempts" < :{max_attempts} THEN 'pending'
--end
			ELSE 'failed' END AS state,
--if run_at
--if attempts
		-- The wait doubles with each attempt, up to an hour.
		now() + interval '1 ms' * CASE
			WHEN v.event = 'released' THEN NULL
			WHEN v.retry_after_ms IS NOT NULL THEN v.retry_after_ms
			WHEN v.event = 'snoozed' THEN 60000
			ELSE least(3600000, (0.9 + random() / 5) * 15000
				* 2 ^ least(r.:"attempts" - 1, 20)) END AS due
--else
		now() + interval '1 ms' * CASE
			WHEN v.event = 'released' THEN NULL
			ELSE coalesce(v.retry_after_ms, 60000) END AS due
--end
--else
		NULL::timestamptz AS due
--end
	FROM event v JOIN held h ON h.i = v.i
		JOIN running r ON r.:"id" = v.key
	WHERE v.ends
	ORDER BY v.key, v.i),
completed AS (
	UPDATE :"table" u SET
--if finished_at
		:"finished_at" = clock_timestamp(),
--end
--if error
		:"error" = NULL,
--end
--if output
		:"output" = (o.line || '}')::json -> 'output',
--end
--if updated_at
		:"updated_at" = clock_timestamp(),
--end
		:"state" = :'completed'
	FROM ending o WHERE u.:"id" = o.key AND o.state = 'completed'),
failed AS (
	UPDATE :"table" u SET
--if finished_at
		:"finished_at" = clock_timestamp(),
--end
--if error
		:"error" = o.error,
--end
--if updated_at
		:"updated_at" = clock_timestamp(),
--end
		:"state" = :'failed'
	FROM ending o WHERE u.:"id" = o.key AND o.state = 'failed'),
pending AS (
	UPDATE :"table" u SET
--if attempts
		-- What was given back was no attempt.
		:"attempts" = greatest(0, u.:"attempts"
			- (o.event IN ('released', 'snoozed'))::integer),
--end
--if run_at
		:"run_at" = coalesce(o.due, u.:"run_at"),
--end
--if error
		:"error" = CASE WHEN o.event = 'failed' THEN o.error
			ELSE u.:"error" END,
--end
--if updated_at
		:"updated_at" = clock_timestamp(),
--end
		:"state" = :'pending'
	FROM ending o WHERE u.:"id" = o.key AND o.state = 'pending')
--if updated_at
, heard AS (
	UPDATE :"table" u SET :"updated_at" = clock_timestamp()
	WHERE u.:"id" IN (SELECT r.:"id" FROM running r
			JOIN (SELECT key, epoch, worker FROM event WHERE NOT ends
				UNION SELECT key, epoch, worker FROM named) v
			ON r.:"id" = v.key AND
-- include holds.sql
			)
		AND u.:"id" NOT IN (SELECT key FROM ending))
--end
SELECT concat(v.line, CASE
	WHEN v.event = 'alive' THEN concat(',"lost":[', l.list, ']',
		CASE WHEN v.waiting = 'true' THEN ',"started":[]' END, '}')
	WHEN o.i = v.i THEN concat(',"settled":true,"state":"', o.state, '"',
--if run_at
		CASE WHEN o.state = 'pending' THEN ',"run_at":"' || to_char(
			coalesce(o.due, r.:"run_at")::timestamptz
			AT TIME ZONE 'UTC',
			'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"' END,
--end
		'}')
	WHEN r.:"id" IS NULL OR v.epoch IS NULL THEN ',"settled":"unknown"}'
	WHEN NOT v.ends AND v.event <> 'started' THEN
		',"settled":"unsupported"}'
	WHEN h.i IS NOT NULL AND (o.i IS NULL OR v.i < o.i
		OR v.event = o.event) THEN ',"settled":true}'
	-- The same event, sent again because its answer was lost.
	WHEN h.i IS NULL AND CASE v.event
			WHEN 'completed' THEN r.:"state" = :'completed'
			WHEN 'failed' THEN r.:"state" IN (:'failed', :'pending')
			WHEN 'cancelled' THEN r.:"state" = :'failed'
			WHEN 'started' THEN true
			ELSE r.:"state" = :'pending' END AND
-- include holds.sql
		THEN ',"settled":true}'
	ELSE ',"settled":"stale"}' END)
FROM event v
LEFT JOIN :"table" r ON r.:"id" = v.key
LEFT JOIN held h ON h.i = v.i
LEFT JOIN ending o ON o.key = v.key
LEFT JOIN lost l ON l.i = v.i
ORDER BY v.i
