-- A page of jobs: `by` names the index to walk, every other member narrows.
-- The cursor is "SEQ", or "PRIORITY,SEQ" in the order of claims.
CREATE OR REPLACE FUNCTION :"schema".find_jobs(asked json, now bigint,
	wanted integer) RETURNS TABLE (seq bigint, priority bigint)
LANGUAGE plpgsql SET search_path = :"schema", pg_temp
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
	q record;
	low integer;
	high integer;
	cursor_seq bigint;
	cursor_priority bigint;
	before_ms bigint;
BEGIN
	SELECT * INTO q FROM json_to_record(asked) r ("by" text, state text,
		queues text[], ids text[], tail text, name text, flow text,
		key text, older_ms bigint, stuck_ms bigint, after text);
	IF cardinality(q.queues) = 0 THEN
		q.queues := NULL;
	END IF;
	low := CASE q.state WHEN 'pending' THEN 1 WHEN 'running' THEN 3
		WHEN 'completed' THEN 4 WHEN 'cancelled' THEN 5
		WHEN 'failed' THEN 6 ELSE 0 END;
	high := CASE q.state WHEN 'blocked' THEN 0 WHEN 'pending' THEN 2
		WHEN 'running' THEN 3 WHEN 'completed' THEN 4
		WHEN 'cancelled' THEN 5 ELSE 6 END;
	cursor_seq := coalesce(substring(q.after FROM '[0-9]+$')::bigint, 0);
	cursor_priority := coalesce(
		substring(q.after FROM '^(-?[0-9]+),')::bigint,
		9223372036854775807);
	before_ms := now - q.older_ms;

	CASE coalesce(q."by", 'all')
	WHEN 'ready' THEN
		-- What a worker could take now: the first of each queue
		-- behind the cursor, then what is due.
		RETURN QUERY SELECT f.seq, f.priority FROM (
			SELECT r.seq, r.priority FROM queue_state o
			CROSS JOIN LATERAL (
				(SELECT s.seq, s.priority FROM job_state s
				WHERE s.stage = 2 AND s.rescues < 2
					AND s.queue = o.name
					AND s.priority = cursor_priority
					AND s.seq > cursor_seq
					AND (s.expires_ms IS NULL
						OR s.expires_ms > now)
				ORDER BY s.priority DESC, s.seq LIMIT wanted)
				UNION ALL
				(SELECT s.seq, s.priority FROM job_state s
				WHERE s.stage = 2 AND s.rescues < 2
					AND s.queue = o.name
					AND s.priority < cursor_priority
					AND (s.expires_ms IS NULL
						OR s.expires_ms > now)
				ORDER BY s.priority DESC, s.seq LIMIT wanted)
				) r
			WHERE o.paused_ms IS NULL
				AND (q.queues IS NULL OR o.name = ANY (q.queues))
			UNION ALL
			SELECT s.seq, s.priority FROM job_state s
			JOIN queue_state o ON o.name = s.queue
			WHERE s.stage = 2 AND s.rescues >= 2
				AND o.paused_ms IS NULL
				AND (q.queues IS NULL OR o.name = ANY (q.queues))
				AND (s.expires_ms IS NULL OR s.expires_ms > now)
				AND (s.priority < cursor_priority
					OR (s.priority = cursor_priority
					AND s.seq > cursor_seq))
			UNION ALL
			SELECT s.seq, s.priority FROM job_state s
			JOIN queue_state o ON o.name = s.queue
			WHERE s.stage = 1 AND s.run_ms <= now
				AND o.paused_ms IS NULL
				AND (q.queues IS NULL OR o.name = ANY (q.queues))
				AND (s.expires_ms IS NULL OR s.expires_ms > now)
				AND (s.priority < cursor_priority
					OR (s.priority = cursor_priority
					AND s.seq > cursor_seq))) f
		ORDER BY f.priority DESC, f.seq LIMIT wanted;
	WHEN 'ids' THEN
		RETURN QUERY SELECT s.seq, s.priority FROM job_entry e
		JOIN job_state s ON s.seq = e.seq
		WHERE e.id = ANY (q.ids) AND s.seq > cursor_seq
			AND s.stage BETWEEN low AND high
			AND (q.queues IS NULL OR s.queue = ANY (q.queues))
		ORDER BY s.seq LIMIT wanted;
	WHEN 'tail' THEN
		-- An id may be asked for by its tail, too; a second job says
		-- that the tail is ambiguous.
		RETURN QUERY SELECT s.seq, s.priority FROM job_entry e
		JOIN job_state s ON s.seq = e.seq
		WHERE length(q.tail) >= 6 AND right(e.id, length(q.tail))
			= q.tail
		ORDER BY s.seq LIMIT 2;
	WHEN 'failed' THEN
		RETURN QUERY SELECT s.seq, s.priority FROM job_state s
		JOIN job_entry e ON e.seq = s.seq
		WHERE s.stage = 6 AND s.seq > cursor_seq AND q.stuck_ms IS NULL
			AND (q.queues IS NULL OR s.queue = ANY (q.queues))
			AND (q.name IS NULL OR e.name = q.name)
			AND (q.flow IS NULL OR e.flow = q.flow)
			AND (q.key IS NULL OR e.key = q.key)
			AND (before_ms IS NULL OR e.pushed_ms <= before_ms)
		ORDER BY s.seq LIMIT wanted;
	WHEN 'running' THEN
		RETURN QUERY SELECT s.seq, s.priority FROM job_state s
		JOIN job_entry e ON e.seq = s.seq
		WHERE s.stage = 3 AND s.seq > cursor_seq
			AND (q.queues IS NULL OR s.queue = ANY (q.queues))
			AND (q.name IS NULL OR e.name = q.name)
			AND (q.flow IS NULL OR e.flow = q.flow)
			AND (q.key IS NULL OR e.key = q.key)
			AND (before_ms IS NULL OR e.pushed_ms <= before_ms)
			AND (q.stuck_ms IS NULL
				OR s.heard_ms <= now - q.stuck_ms)
		ORDER BY s.seq LIMIT wanted;
	ELSE
		RETURN QUERY SELECT s.seq, s.priority FROM job_entry e
		JOIN job_state s ON s.seq = e.seq
		WHERE e.seq > cursor_seq AND s.stage BETWEEN low AND high
			AND (q.queues IS NULL OR s.queue = ANY (q.queues))
			AND (q.name IS NULL OR e.name = q.name)
			AND (q.flow IS NULL OR e.flow = q.flow)
			AND (q.key IS NULL OR e.key = q.key)
			AND (before_ms IS NULL OR e.pushed_ms <= before_ms)
			AND (q.stuck_ms IS NULL OR (s.stage = 3
					AND s.heard_ms <= now - q.stuck_ms)
				OR (s.stage < 3 AND greatest(s.run_ms,
					e.pushed_ms) <= now - q.stuck_ms))
		ORDER BY e.seq LIMIT wanted;
	END CASE;
END
$$
---
-- A duration in the unit that suits it.
CREATE OR REPLACE FUNCTION :"schema".as_duration(ms bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN ms < 120000 THEN greatest(0, ms) / 1000 || ' s'
		WHEN ms < 7200000 THEN ms / 60000 || ' min'
		WHEN ms < 172800000 THEN ms / 3600000 || ' h'
		ELSE ms / 86400000 || ' d' END
$$
---
-- A time for people, by the server's time zone.
CREATE OR REPLACE FUNCTION :"schema".as_local(ms bigint) RETURNS text
LANGUAGE sql STABLE AS $$
	SELECT to_char(to_timestamp(ms / 1000.0), 'YYYY-MM-DD HH24:MI:SS')
$$
---
-- Why a job is not running, or how it ended.
CREATE OR REPLACE FUNCTION :"schema".why(s :"schema".job_state, pushed_ms bigint,
	q :"schema".queue_state, now bigint) RETURNS text LANGUAGE sql STABLE
SET search_path = :"schema", pg_temp AS $$
	SELECT CASE
		WHEN s.stage = 0 THEN 'needs ' || coalesce((SELECT n.id || CASE
			WHEN d.seq IS NULL THEN ', which is not in the store'
			WHEN d.stage = 6 THEN ', which failed'
			WHEN d.stage = 5 THEN ', which was cancelled'
			WHEN d.stage = 3 THEN ', which is running'
			WHEN d.stage = 0 THEN ', which is blocked itself'
			ELSE ', which has not run yet' END
			FROM job_need n LEFT JOIN job_entry e ON e.id = n.id
				LEFT JOIN job_state d ON d.seq = e.seq
			WHERE n.job = s.seq
			ORDER BY coalesce(d.stage IN (5, 6), false) DESC,
				d.seq IS NULL DESC
			LIMIT 1), 'nothing that is left')
		WHEN s.stage IN (1, 2) AND q.paused_ms IS NOT NULL THEN
			concat('queue ', s.queue, ' paused since ',
				as_local(q.paused_ms))
		WHEN s.stage = 1 AND s.run_ms > now THEN concat(CASE
			WHEN s.ended_ms IS NOT NULL AND s.settled = 'failed'
			THEN concat('attempt ', s.attempt, ' of ',
				s.max_attempts, ' failed',
				' (' || s.reason || ')', ', tried again in ')
			ELSE concat('not before ', as_local(s.run_ms), ', in ')
			END, as_duration(s.run_ms - now + 999))
		WHEN s.stage IN (1, 2) THEN concat('ready for ',
			as_duration(now - greatest(s.run_ms, pushed_ms)),
			CASE WHEN q.claimed_ms IS NULL THEN concat(
				': no worker has claimed from ', s.queue, ' yet')
			WHEN q.claimed_ms < now - 10000 THEN concat(
				': no worker has claimed from ', s.queue,
				' since ', as_local(q.claimed_ms))
			ELSE concat(': the workers of ', s.queue, ' are busy')
			END)
		WHEN s.stage = 3 THEN concat('on ', s.worker,
			', lease renewed ', as_duration(now - s.renewed_ms),
			' ago, silent for ', as_duration(now - s.heard_ms),
			CASE WHEN s.cancel IS NOT NULL THEN ', asked to stop'
			END,
			CASE WHEN s.lease_until < now THEN ', lease run out'
			END)
		WHEN s.stage = 4 THEN 'completed'
		WHEN s.stage = 5 THEN 'cancelled'
			|| coalesce(' (' || s.reason || ')', '')
		ELSE concat('failed in attempt ', s.attempt, ' of ',
			s.max_attempts, ' (' || s.reason || ')',
			': ' || s.error) END
$$
---
CREATE OR REPLACE FUNCTION :"schema".verb_list(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp AS $$
DECLARE
	asked json := request::json;
	now bigint := now_ms();
	wanted integer := coalesce((asked ->> 'limit')::integer, 500);
	tells_why boolean := coalesce((asked ->> 'why')::boolean, false);
	page bigint[];
	kept integer;
	last bigint;
	last_priority bigint;
BEGIN
	page := ARRAY(SELECT f.seq FROM find_jobs(asked, now, wanted) f);
	-- A page is at most 4 MiB, but never less than one line.
	SELECT greatest(count(*) FILTER (WHERE t.bytes <= 4194304), 1)
	INTO kept FROM (SELECT sum(s.bytes) OVER (ORDER BY p.i) AS bytes
		FROM unnest(page) WITH ORDINALITY p (seq, i)
		JOIN job_state s ON s.seq = p.seq) t;
	IF kept < cardinality(page) THEN
		page := page[:kept];
		wanted := kept;
	END IF;

	RETURN QUERY
	SELECT concat(e.line, ',"attempt":', s.attempt, ',"run_at":"',
		as_time(s.run_ms), '","state":"', as_state(s.stage),
		'","pushed_at":"', as_time(e.pushed_ms), '"',
		CASE WHEN s.stage = 3 THEN concat(',"held":{"worker":',
			as_json(s.worker),
			',"age":', greatest(0, (now - s.claimed_ms) / 1000),
			',"renewed":', greatest(0, (now - s.renewed_ms) / 1000),
			',"silent":', greatest(0, (now - s.heard_ms) / 1000),
			',"cancel":' || as_json(s.cancel), '}') END,
		CASE WHEN s.ended_ms IS NOT NULL AND s.stage <> 3 THEN
			concat(',"ended":{"at":"', as_time(s.ended_ms), '"',
			',"reason":' || as_json(s.reason),
			',"error":' || as_json(s.error), '}') END,
		CASE WHEN s.rescues > 0 THEN
			concat(',"rescues":', s.rescues) END,
		CASE WHEN tells_why THEN concat(',"why":',
			as_json(why(s, e.pushed_ms, q, now))) END,
		'}')
	FROM unnest(page) WITH ORDINALITY p (seq, i)
	JOIN job_state s ON s.seq = p.seq JOIN job_entry e ON e.seq = p.seq
	LEFT JOIN queue_state q ON q.name = s.queue
	ORDER BY p.i;

	IF cardinality(page) >= wanted AND cardinality(page) > 0 THEN
		last := page[cardinality(page)];
		SELECT s.priority INTO last_priority FROM job_state s
		WHERE s.seq = last;
		RETURN NEXT concat('{"event":"page","after":"',
			CASE WHEN asked ->> 'by' = 'ready' THEN
				last_priority || ',' END, last, '"}');
	END IF;
END
$$
