-- One line a queue. It reads the whole table, so it is for people and
-- monitors, never for a loop.
CREATE OR REPLACE FUNCTION :"schema".verb_stats(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp AS $$
DECLARE
	now bigint := now_ms();
	queues text[];
BEGIN
	SELECT r.queues INTO queues
	FROM json_to_record(request::json) r (queues text[]);
	IF cardinality(queues) = 0 THEN
		queues := NULL;
	END IF;
	RETURN QUERY
	SELECT concat('{"queue":', as_json(q.name),
		',"blocked":', coalesce(c.blocked, 0),
		',"scheduled":', coalesce(c.scheduled, 0),
		',"ready":', coalesce(c.ready, 0),
		',"running":', coalesce(c.running, 0),
		',"completed":', coalesce(c.completed, 0),
		',"cancelled":', coalesce(c.cancelled, 0),
		',"failed":', coalesce(c.failed, 0),
		',"oldest_ready":' || trim_scale(round(greatest(0,
			now - c.oldest) / 1000.0, 3)),
		',"claimed_at":"' || as_time(q.claimed_ms) || '"',
		',"paused_at":"' || as_time(q.paused_ms) || '"', '}')
	FROM queue_state q LEFT JOIN (SELECT s.queue,
			count(*) FILTER (WHERE s.stage = 0) AS blocked,
			count(*) FILTER (WHERE s.stage = 1
				AND s.run_ms > now) AS scheduled,
			count(*) FILTER (WHERE s.stage = 2 OR (s.stage = 1
				AND s.run_ms <= now)) AS ready,
			count(*) FILTER (WHERE s.stage = 3) AS running,
			count(*) FILTER (WHERE s.stage = 4) AS completed,
			count(*) FILTER (WHERE s.stage = 5) AS cancelled,
			count(*) FILTER (WHERE s.stage = 6) AS failed,
			min(s.run_ms) FILTER (WHERE s.stage = 2
				OR (s.stage = 1 AND s.run_ms <= now)) AS oldest
		FROM job_state s
		WHERE queues IS NULL OR s.queue = ANY (queues)
		GROUP BY s.queue) c ON c.queue = q.name
	WHERE queues IS NULL OR q.name = ANY (queues)
	ORDER BY q.name;
END
$$
---
-- What the doctor asks: one line a finding; at is the time by the clock of
-- the store.
CREATE OR REPLACE FUNCTION :"schema".verb_check(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp AS $$
DECLARE
	now bigint := now_ms();
BEGIN
	RETURN NEXT concat('{"check":"server","ok":true,"text":',
		as_json('PostgreSQL ' || current_setting('server_version')),
		'}');
	RETURN NEXT concat('{"check":"durability","ok":', CASE
		WHEN current_setting('fsync')::boolean
			AND current_setting('synchronous_commit') <> 'off'
			AND current_setting('full_page_writes')::boolean
		THEN 'true' ELSE 'false' END, ',"text":',
		as_json(format('fsync is %s, synchronous_commit %s,'
			' full_page_writes %s', current_setting('fsync'),
			current_setting('synchronous_commit'),
			current_setting('full_page_writes'))), '}');
	RETURN NEXT concat('{"check":"version","ok":true,"text":',
		as_json('schema version ' || (SELECT value FROM meta
			WHERE name = 'version')), '}');
	RETURN NEXT concat('{"check":"clock","ok":true,"text":"times are by',
		' the server''s clock","at":"', as_time(now), '"}');
	RETURN QUERY SELECT concat('{"check":"lapsed","ok":',
		CASE WHEN count(*) = 0 THEN 'true' ELSE 'false' END,
		',"text":', as_json(count(*) || ' jobs whose lease ran out'
			' more than a minute ago wait for a claim or'
			' jobq-admin reap'), '}')
	FROM job_state WHERE stage = 3 AND lease_until < now - 60000;
	RETURN QUERY SELECT concat('{"check":"vacuum","ok":',
		CASE WHEN coalesce(max(extract(epoch FROM clock_timestamp()
			- a.xact_start)), 0) < 3600 THEN 'true' ELSE 'false'
			END,
		',"text":', as_json('the oldest transaction, which keeps'
			' rows from being cleaned up, is '
			|| coalesce(max(extract(epoch FROM clock_timestamp()
			- a.xact_start)), 0)::integer || ' s old'), '}')
	FROM pg_stat_activity a
	WHERE a.xact_start IS NOT NULL AND a.backend_xmin IS NOT NULL;
END
$$
