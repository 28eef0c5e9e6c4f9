-- The first jobs of a queue that are ready, in order: of those of one priority
-- behind a job, of those below a priority. With locks, those that another
-- worker has just locked are passed over, so that workers who ask at once get
-- different ones.
CREATE OR REPLACE FUNCTION :"schema".ready_behind(of_queue text, of bigint,
	behind bigint, up_to bigint, most integer, now bigint, locks boolean)
RETURNS TABLE (seq bigint, priority bigint, bytes integer)
LANGUAGE plpgsql AS $$
BEGIN
	IF locks THEN
		RETURN QUERY SELECT s.seq, s.priority, s.bytes
		FROM job_state s
		WHERE s.stage = 2 AND s.rescues < 2 AND s.queue = of_queue
			AND s.priority = of AND s.seq > behind
			AND s.seq <= up_to
			AND (s.expires_ms IS NULL OR s.expires_ms > now)
		ORDER BY s.priority DESC, s.seq LIMIT most
		FOR UPDATE SKIP LOCKED;
	ELSE
		RETURN QUERY SELECT s.seq, s.priority, s.bytes
		FROM job_state s
		WHERE s.stage = 2 AND s.rescues < 2 AND s.queue = of_queue
			AND s.priority = of AND s.seq > behind
			AND s.seq <= up_to
			AND (s.expires_ms IS NULL OR s.expires_ms > now)
		ORDER BY s.priority DESC, s.seq LIMIT most;
	END IF;
END
$$
---
CREATE OR REPLACE FUNCTION :"schema".ready_below(of_queue text, below bigint,
	above bigint, most integer, now bigint, locks boolean)
RETURNS TABLE (seq bigint, priority bigint, bytes integer)
LANGUAGE plpgsql AS $$
BEGIN
	IF locks THEN
		RETURN QUERY SELECT s.seq, s.priority, s.bytes
		FROM job_state s
		WHERE s.stage = 2 AND s.rescues < 2 AND s.queue = of_queue
			AND s.priority < below AND s.priority > above
			AND (s.expires_ms IS NULL OR s.expires_ms > now)
		ORDER BY s.priority DESC, s.seq LIMIT most
		FOR UPDATE SKIP LOCKED;
	ELSE
		RETURN QUERY SELECT s.seq, s.priority, s.bytes
		FROM job_state s
		WHERE s.stage = 2 AND s.rescues < 2 AND s.queue = of_queue
			AND s.priority < below AND s.priority > above
			AND (s.expires_ms IS NULL OR s.expires_ms > now)
		ORDER BY s.priority DESC, s.seq LIMIT most;
	END IF;
END
$$
---
-- The first ready jobs of a queue. Its length costs nothing, but what taken
-- jobs leave in the index does, until the server has cleaned it up, which it
-- cannot while an old snapshot is held. So where a look has taken long the
-- connection remembers (in a setting of its own, of no meaning to anybody
-- else) up to which job it has come, and begins behind it for twenty times as
-- long as the look took, at most 2 s: a twentieth of the time is lost, and
-- what came in front of the mark waits no longer than that. A mark that does
-- not yield enough is forgotten at once, and what is before it looked at.
-- Without locks nothing is taken yet, so the mark is before the first job.
CREATE OR REPLACE FUNCTION :"schema".walk_ready(of_queue text, most integer,
	now bigint, locks boolean)
RETURNS TABLE (seq bigint, priority bigint, bytes integer)
LANGUAGE plpgsql AS $$
DECLARE
	setting text := 'jobq.mark_'
		|| md5(concat(:'schema', ':', locks, ':', of_queue));
	mark bigint[] := string_to_array(nullif(
		current_setting(setting, true), ''), ',')::bigint[];
	high constant bigint := 9223372036854775807;
	until bigint;
	begun timestamptz;
	took double precision;
	got integer := 0;
	part integer;
	to_seq bigint; -- where the next mark is
	to_priority bigint;
BEGIN
	-- mark: priority, seq, until when it holds
	IF mark[3] > now THEN
		until := mark[3];
		FOR seq, priority, bytes IN
			SELECT * FROM ready_behind(of_queue, mark[1], mark[2],
				high, most, now, locks)
		LOOP
			got := got + 1;
			IF locks OR to_seq IS NULL THEN
				to_seq := seq - (NOT locks)::integer;
				to_priority := priority;
			END IF;
			RETURN NEXT;
		END LOOP;
		IF got < most THEN
			FOR seq, priority, bytes IN
				SELECT * FROM ready_below(of_queue, mark[1],
					-high, most - got, now, locks)
			LOOP
				got := got + 1;
				IF locks OR to_seq IS NULL THEN
					to_seq := seq - (NOT locks)::integer;
					to_priority := priority;
				END IF;
				RETURN NEXT;
			END LOOP;
		END IF;
		IF got >= most THEN
			PERFORM set_config(setting, concat_ws(',',
				to_priority, to_seq, until), false);
			RETURN;
		END IF;
	END IF;

	begun := clock_timestamp();
	IF got = 0 THEN
		FOR seq, priority, bytes IN
			SELECT * FROM ready_below(of_queue, high, -high, most,
				now, locks)
		LOOP
			got := got + 1;
			IF locks OR to_seq IS NULL THEN
				to_seq := seq - (NOT locks)::integer;
				to_priority := priority;
			END IF;
			RETURN NEXT;
		END LOOP;
	ELSE
		RETURN QUERY SELECT * FROM ready_below(of_queue, high, mark[1],
			most - got, now, locks);
		GET DIAGNOSTICS part = ROW_COUNT;
		got := got + part;
		RETURN QUERY SELECT * FROM ready_behind(of_queue, mark[1],
			-high, mark[2], most - got, now, locks);
	END IF;
	took := extract(epoch FROM clock_timestamp() - begun) * 1000;
	IF took > 5 + most * 0.02 AND to_seq IS NOT NULL THEN
		PERFORM set_config(setting, concat_ws(',', to_priority,
			to_seq, now + least(2000, (20 * took)::bigint)),
			false);
	ELSIF mark IS NOT NULL THEN
		PERFORM set_config(setting, '', false);
	END IF;
END
$$
---
-- The jobs that a claim takes, locked. Of several queues the best are chosen
-- before they are locked, so that no more are locked than are taken; where
-- others were quicker, what is left of the queues is locked as it comes.
-- Neither the length of a queue nor a paused one in front of the others costs
-- anything.
CREATE OR REPLACE FUNCTION :"schema".take_ready(queues text[],
	wanted integer, now bigint)
RETURNS TABLE (seq bigint, priority bigint, bytes integer)
LANGUAGE plpgsql AS $$
DECLARE
	best bigint[] := '{}';
	taken integer := 0;
BEGIN
	IF cardinality(queues) > 1 THEN
		best := ARRAY(SELECT f.seq FROM unnest(queues) q (name)
			CROSS JOIN LATERAL walk_ready(q.name, wanted, now,
				false) f
			ORDER BY f.priority DESC, f.seq LIMIT wanted);
		RETURN QUERY SELECT s.seq, s.priority, s.bytes
		FROM job_state s
		WHERE s.seq = ANY (best) AND s.stage + 0 = 2
		ORDER BY s.seq FOR UPDATE SKIP LOCKED;
		GET DIAGNOSTICS taken = ROW_COUNT;
		IF taken = cardinality(best) THEN
			RETURN;
		END IF;
	END IF;
	RETURN QUERY SELECT f.seq, f.priority, f.bytes
	FROM unnest(queues) q (name)
	CROSS JOIN LATERAL walk_ready(q.name, wanted, now, true) f
	WHERE f.seq <> ALL (best)
	ORDER BY f.priority DESC, f.seq LIMIT wanted - taken;
END
$$
---
-- The same of one flow, by its own index.
CREATE OR REPLACE FUNCTION :"schema".take_flow(queues text[], wanted integer,
	now bigint, of_flow text)
RETURNS TABLE (seq bigint, priority bigint, bytes integer)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT s.seq, s.priority, s.bytes FROM job_state s
	WHERE s.flow = of_flow AND s.stage = 2 AND s.rescues < 2
		AND s.queue = ANY (queues)
		AND (s.expires_ms IS NULL OR s.expires_ms > now)
	ORDER BY s.priority DESC, s.seq LIMIT wanted
	FOR UPDATE SKIP LOCKED;
END
$$
---
-- Those that are named.
CREATE OR REPLACE FUNCTION :"schema".take_named(queues text[],
	wanted integer, now bigint, ids text[])
RETURNS TABLE (seq bigint, priority bigint, bytes integer)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT s.seq, s.priority, s.bytes FROM job_state s
	WHERE s.seq = ANY (ARRAY(SELECT c.seq
			FROM unnest(ids) WITH ORDINALITY i (id, o)
			CROSS JOIN LATERAL (SELECT h.seq FROM job_state h
				WHERE h.seq = (SELECT e.seq FROM job_entry e
						WHERE e.id = i.id)
					AND h.stage + 0 = 2
					AND h.queue = ANY (queues) OFFSET 0) c
			GROUP BY c.seq ORDER BY min(o) LIMIT wanted))
		AND s.stage + 0 = 2
		AND (s.expires_ms IS NULL OR s.expires_ms > now)
	FOR UPDATE SKIP LOCKED;
END
$$
---
-- Of the jobs that were rescued twice a worker has one at a time: a job that
-- kills its runner would take the same companions with it each time, until
-- they failed with it.
CREATE OR REPLACE FUNCTION :"schema".take_apart(queues text[], now bigint,
	of_flow text, by_worker text)
RETURNS TABLE (seq bigint, priority bigint, bytes integer)
LANGUAGE plpgsql AS $$
BEGIN
	-- There is seldom one at all.
	IF NOT EXISTS (SELECT 1 FROM job_state s
			WHERE s.stage = 2 AND s.rescues >= 2)
		OR EXISTS (SELECT 1 FROM job_state s
			WHERE s.stage = 3 AND s.worker = by_worker
				AND s.rescues >= 2) THEN
		RETURN;
	END IF;
	RETURN QUERY SELECT s.seq, s.priority, s.bytes FROM job_state s
	WHERE s.stage = 2 AND s.rescues >= 2 AND s.queue = ANY (queues)
		AND (of_flow IS NULL OR s.flow = of_flow)
		AND (s.expires_ms IS NULL OR s.expires_ms > now)
	ORDER BY s.priority DESC, s.seq LIMIT 1
	FOR UPDATE SKIP LOCKED;
END
$$
---
-- What a claim with places left is told: when the next job is due and how
-- many are pending or running, of its queues or its flow, counted no further
-- than 1000, and for some queues or a flow only when that is asked for; what
-- is blocked does not count. It is no SQL function: that would be
-- planned again by each call, which takes longer than all it looks at.
CREATE OR REPLACE FUNCTION :"schema".idle_line(queues text[], of_flow text,
	now bigint, counts boolean) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN concat('{"event":"idle"', (SELECT concat(',"next_in":',
			trim_scale(round(greatest(0, d.run_ms - now)
				/ 1000.0, 3)))
		FROM (SELECT run_ms, queue, flow, row_number() OVER
				(ORDER BY run_ms) AS place
			FROM (SELECT * FROM job_state WHERE stage = 1
				ORDER BY run_ms LIMIT 1000) f) d
		WHERE ((of_flow IS NULL OR d.flow = of_flow)
				AND (queues IS NULL OR d.queue = ANY (queues)))
			OR d.place = 1000
		ORDER BY d.place LIMIT 1),
		CASE WHEN counts OR (queues IS NULL AND of_flow IS NULL) THEN
			concat(',"unfinished":', CASE WHEN of_flow IS NOT NULL
			THEN (SELECT count(*) FROM (SELECT 1 FROM job_state
				WHERE flow = of_flow AND stage IN (1, 2, 3)
				LIMIT 1000) c)
			ELSE (SELECT count(*) FROM (
				(SELECT 1 FROM job_state WHERE stage = 1
					AND (queues IS NULL
						OR queue = ANY (queues))
					LIMIT 1000)
				UNION ALL
				(SELECT 1 FROM job_state WHERE stage = 3
					AND (queues IS NULL
						OR queue = ANY (queues))
					LIMIT 1000)
				UNION ALL
				(SELECT 1 FROM job_state WHERE stage = 2
					AND rescues < 2 AND (queues IS NULL
						OR queue = ANY (queues))
					LIMIT 1000)
				UNION ALL
				(SELECT 1 FROM job_state WHERE stage = 2
					AND rescues >= 2 AND (queues IS NULL
						OR queue = ANY (queues))
					LIMIT 1000)
				LIMIT 1000) c) END) END,
		'}');
END
$$
---
-- Jobs whose time has come, some at a time.
CREATE OR REPLACE FUNCTION :"schema".start_due(now bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	begun timestamptz := clock_timestamp();
	first bigint;
BEGIN
	IF NOT look_again('due', now) THEN
		RETURN;
	END IF;
	first := (SELECT min(run_ms) FROM job_state WHERE stage = 1);
	PERFORM looked('due', now, begun);
	IF first <= now THEN
		UPDATE job_state SET stage = 2 WHERE seq = ANY (ARRAY(
			SELECT s.seq FROM job_state s
			WHERE s.stage = 1 AND s.run_ms <= now
			ORDER BY s.run_ms LIMIT 500 FOR UPDATE SKIP LOCKED));
	END IF;
END
$$
---
-- One commit does it all: what comes back is settled, what is due or lapsed
-- is put right (a little at a time), and the next jobs are taken.
CREATE OR REPLACE FUNCTION :"schema".verb_claim(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
	now bigint := now_ms();
	asked record;
	lapsed record;
	wanted integer;
	open_queues text[];
	took bigint[];
	filled boolean := false; -- the answer holds what it may
	lasts_ms bigint;
	lease text;
	first bigint; -- of its events
BEGIN
	SELECT * INTO asked FROM jsonb_to_record(request::jsonb) q (
		"limit" integer,
		worker text, lease double precision, ring boolean, flow text,
		queues text[], ids text[], held jsonb, events jsonb,
		count boolean);
	wanted := coalesce(asked."limit", 1);
	lasts_ms := 1000 * asked.lease;
	IF cardinality(asked.queues) = 0 THEN
		asked.queues := NULL;
	END IF;

	IF jsonb_array_length(asked.events) > 0 THEN
		first := first_event();
		RETURN QUERY
		SELECT * FROM settle_events(asked.events, now, first);
	END IF;

	-- A poison job that failed just now is told, so that its ring knows.
	FOR lapsed IN SELECT * FROM lapse(now, first, false) LOOP
		IF lapsed.becomes = 6 AND asked.ring THEN
			RETURN NEXT lapsed.line || '}';
		END IF;
	END LOOP;
	PERFORM start_due(now);

	open_queues := ARRAY(SELECT q.name FROM queue_state q
		WHERE q.paused_ms IS NULL AND (asked.queues IS NULL
			OR q.name = ANY (asked.queues)));

	IF wanted > 0 AND cardinality(open_queues) > 0 THEN
		WITH found AS MATERIALIZED (
			SELECT * FROM take_named(open_queues, wanted, now,
				asked.ids) WHERE asked.ids IS NOT NULL
			UNION ALL
			SELECT * FROM take_flow(open_queues, wanted, now,
				asked.flow)
			WHERE asked.ids IS NULL AND asked.flow IS NOT NULL
			UNION ALL
			SELECT * FROM take_ready(open_queues, wanted, now)
			WHERE asked.ids IS NULL AND asked.flow IS NULL
			UNION ALL
			SELECT * FROM take_apart(open_queues, now, asked.flow,
				asked.worker)
			WHERE asked.ids IS NULL),
		best AS (SELECT f.seq, row_number() OVER w AS place,
				sum(f.bytes) OVER w AS bytes
			FROM found f WINDOW w AS
				(ORDER BY f.priority DESC, f.seq))
		-- An answer is at most 4 MiB, but never less than one job.
		SELECT array_agg(b.seq) FILTER (WHERE b.bytes <= 4194304
				OR b.place = 1),
			count(*) >= wanted
				OR coalesce(max(b.bytes), 0) > 4194304
		INTO took, filled FROM best b WHERE b.place <= wanted;
	END IF;

	IF jsonb_array_length(asked.held) > 0 THEN
		RETURN QUERY
		SELECT concat('{"event":"stop","id":"', h ->> 0, '","epoch":',
			h ->> 1, ',"reason":"', CASE WHEN s.seq IS NULL
				THEN 'lost' ELSE 'cancel' END, '"}')
		FROM jsonb_array_elements(asked.held) WITH ORDINALITY t (h, o)
		LEFT JOIN LATERAL (SELECT * FROM job_state j
			WHERE j.seq = (SELECT e.seq FROM job_entry e
					WHERE e.id = h ->> 0)
				AND j.epoch = (h ->> 1)::bigint
				AND j.worker = asked.worker
				AND j.stage + 0 = 3 OFFSET 0) s ON true
		WHERE s.seq IS NULL OR s.cancel IS NOT NULL
		ORDER BY o;
	END IF;

	IF took IS NOT NULL THEN
		lease := concat('"worker":', as_json(asked.worker),
			',"seconds":' || trim_scale(lasts_ms / 1000.0),
			CASE WHEN asked.ring THEN ',"ring":true' END, '}}');
		RETURN QUERY
		WITH running AS (
			UPDATE job_state s SET stage = 3, epoch = s.epoch + 1,
				attempt = s.attempt + 1,
				worker = asked.worker,
				lease_ms = lasts_ms,
				lease_until = now + lasts_ms,
				claimed_ms = now, renewed_ms = now,
				heard_ms = now, started_ms = NULL,
				settled = NULL, cancel = NULL
			WHERE s.seq = ANY (took)
			RETURNING s.seq, s.attempt, s.epoch, s.run_ms,
				s.priority)
		SELECT concat(e.line, ',"attempt":', r.attempt, ',"run_at":"',
			as_time(r.run_ms), '","state":"running","lease":',
			'{"epoch":', r.epoch, ',', lease)
		FROM running r JOIN job_entry e ON e.seq = r.seq
			AND e.seq = ANY (took)
		ORDER BY r.priority DESC, r.seq;
	END IF;

	IF note_claim(open_queues, now, asked.ids IS NULL,
			wanted > 0 AND NOT filled) OR NOT filled THEN
		PERFORM release_early(now);
	END IF;
	IF NOT filled THEN
		RETURN NEXT idle_line(asked.queues, asked.flow, now,
			asked.count IS TRUE);
	END IF;
END
$$
---
-- When a worker last asked, and last found less than it has places for, for
-- the doctor, the why of a list and the doorbells: once a second is enough.
-- Whether it was noted.
CREATE OR REPLACE FUNCTION :"schema".note_claim(queues text[], now bigint,
	asked boolean, idle boolean) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF NOT EXISTS (SELECT 1 FROM queue_state WHERE name = ANY (queues)
		AND ((asked AND coalesce(claimed_ms, 0) < now - 1000)
			OR (idle AND coalesce(idle_ms, 0) < now - 1000))) THEN
		RETURN false;
	END IF;
	UPDATE queue_state SET
		claimed_ms = CASE WHEN asked THEN now ELSE claimed_ms END,
		idle_ms = CASE WHEN idle THEN now ELSE idle_ms END
	WHERE name IN (SELECT name FROM queue_state WHERE name = ANY (queues)
		ORDER BY name FOR UPDATE SKIP LOCKED);
	RETURN true;
END
$$
