-- Every write to a started issue is compare-and-set on (started_at,
-- assigned_worker_id). A batch is folded first: the first ending of a lease
-- counts, so each row is updated once however many events are about it. Rows
-- are locked in the order of their ids, so that no two batches wait for each
-- other; what they were before the change decides what is answered.
told AS MATERIALIZED (SELECT j.o AS i, e.*, CASE
			WHEN e.id ~ '^(0|[1-9][0-9]{0,9})$'
			THEN e.id::bigint END AS issue,
		e.event IN ('completed', 'failed', 'cancelled', 'released',
			'snoozed') AS ends
	FROM json_array_elements($1::json -> 'events')
		WITH ORDINALITY j (event, o),
	json_to_record(j.event) e (event text, id text, epoch bigint,
		worker text, retry boolean, retry_after_ms bigint, error text,
		waiting boolean, jobs json, line text)),
alive AS MATERIALIZED (SELECT t.i, p.o, p.pair, t.worker,
		(p.pair ->> 1)::bigint AS epoch, CASE
			WHEN p.pair ->> 0 ~ '^(0|[1-9][0-9]{0,9})$'
			THEN (p.pair ->> 0)::bigint END AS issue
	FROM told t, json_array_elements(t.jobs) WITH ORDINALITY p (pair, o)
	WHERE t.event = 'alive'),
mine AS MATERIALIZED (SELECT c.id, c.status, c.assigned_worker_id AS worker,
		CASE WHEN isfinite(c.started_at) THEN (extract(epoch
			FROM c.started_at) * 1000000)::bigint END AS epoch
	FROM cape_issues c
	WHERE c.id = ANY (ARRAY(SELECT issue FROM told
		UNION SELECT issue FROM alive))
	ORDER BY c.id FOR UPDATE),
-- i is the place of the ending that counts, if there is one. With heartbeats
-- every event renews.
folded AS MATERIALIZED (SELECT f.issue, f.epoch, f.worker,
		min(f.i) FILTER (WHERE f.ends) AS i
	FROM (SELECT issue, epoch, worker, i, ends FROM told
		WHERE event <> 'alive'
		UNION ALL SELECT issue, epoch, worker, i, false FROM alive) f
	JOIN mine m ON m.id = f.issue AND m.status = 'started'
		AND m.epoch = f.epoch AND m.worker = f.worker
	GROUP BY f.issue, f.epoch, f.worker
	HAVING :'heartbeat' = '1' OR bool_or(f.ends)),
-- What failed for good, or was cancelled, is used up like the fifth attempt:
-- there is a status for that if the site has named one.
judged AS MATERIALIZED (SELECT f.*, t.event, t.error, t.retry_after_ms,
		u.used_up, coalesce(a.attempts, 0) + CASE
			WHEN t.event = 'cancelled' OR t.retry IS FALSE
				THEN greatest(1, 5 - coalesce(a.attempts, 0))
			WHEN t.event = 'failed' THEN 1 ELSE 0 END AS attempts,
		CASE WHEN t.event IS NULL THEN 'started'
			WHEN t.event = 'completed' THEN 'completed'
			WHEN u.used_up AND :'failed' <> '' THEN :'failed'
			ELSE 'pending' END AS status
	FROM folded f LEFT JOIN told t ON t.i = f.i
	LEFT JOIN attempt a ON a.id = f.issue
	CROSS JOIN LATERAL (SELECT t.event = 'cancelled'
		OR (t.event = 'failed' AND (t.retry IS FALSE
			OR coalesce(a.attempts, 0) + 1 >= 5)) AS used_up) u),
-- Without a side table there is one wait for all.
timed AS MATERIALIZED (SELECT j.*, CASE
			WHEN j.event = 'released' THEN 0
			WHEN NOT keeps.attempts THEN 60
			WHEN j.retry_after_ms IS NOT NULL
				THEN least(j.retry_after_ms / 1000.0, 1e9)
			WHEN j.event = 'snoozed' THEN 60
			WHEN j.used_up THEN 3600
			ELSE least(3600, 15 * 2 ^ least(j.attempts - 1, 10)
				* (0.9 + random() / 5))
			END::double precision AS wait_seconds,
		keeps.attempts AS kept
	FROM judged j, keeps),
changed AS (UPDATE cape_issues c SET status = t.status,
		assigned_worker_id = CASE WHEN t.status <> 'pending'
			THEN c.assigned_worker_id END,
		started_at = CASE WHEN t.status <> 'pending'
			THEN c.started_at END,
		completed_at = CASE WHEN t.status = 'completed'
			THEN LOCALTIMESTAMP ELSE c.completed_at END,
		updated_at = CASE WHEN t.event = 'released' AND NOT t.kept
			THEN c.created_at ELSE LOCALTIMESTAMP END
	FROM timed t
	WHERE c.id = t.issue AND c.status = 'started'
		AND c.assigned_worker_id = t.worker
		AND extract(epoch FROM c.started_at) * 1000000 = t.epoch
	RETURNING c.id, t.epoch, t.worker, t.i, t.event, t.error, t.status,
		t.attempts, t.wait_seconds)
