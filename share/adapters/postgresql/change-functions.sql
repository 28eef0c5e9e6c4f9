-- A waiting job is cancelled at once; a running one is flagged, and its
-- worker told at the next look; one whose worker is silent is cancelled when
-- its lease ends.
CREATE OR REPLACE FUNCTION :"schema".verb_cancel(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp AS $$
DECLARE
	asked json := request::json;
	why text := coalesce(asked ->> 'reason', 'cancel');
	now bigint := now_ms();
	number bigint;
	named record;
	state job_state;
	rung text[];
BEGIN
	IF json_array_length(asked -> 'ids') > 1000 THEN
		RAISE 'a request has at most 1000 ids, this one %',
			json_array_length(asked -> 'ids');
	END IF;
	number := first_event() + 1;
	PERFORM 1 FROM job_state s WHERE s.seq IN (SELECT e.seq
		FROM json_array_elements_text(asked -> 'ids') i (id)
		JOIN job_entry e ON e.id = i.id)
	ORDER BY s.seq FOR UPDATE;
	FOR named IN SELECT i.id, e.seq FROM json_array_elements_text(
			asked -> 'ids') WITH ORDINALITY i (id, o)
		LEFT JOIN job_entry e ON e.id = i.id
		GROUP BY i.id, e.seq ORDER BY min(o)
	LOOP
		state := NULL;
		SELECT * INTO state FROM job_state s WHERE s.seq = named.seq;
		IF state.stage < 3 THEN
			PERFORM end_job(number, state, 5, 'cancelled', why,
				NULL, now);
			number := number + 1;
		ELSIF state.stage = 3 AND state.cancel IS NULL THEN
			UPDATE job_state SET cancel = why
			WHERE seq = named.seq;
			rung := rung || state.queue;
		END IF;
		RETURN NEXT concat('{"event":"cancel","id":',
			as_json(named.id), ',"was":"', CASE
			WHEN state.seq IS NULL THEN 'unknown'
			ELSE as_state(state.stage) END, '","done":',
			CASE WHEN state.stage < 3 OR (state.stage = 3
				AND state.cancel IS NULL) THEN 'true'
			ELSE 'false' END,
			CASE WHEN state.stage = 3 THEN concat(',"worker":',
				as_json(state.worker), ',"asked_before":',
				CASE WHEN state.cancel IS NULL THEN 'false'
				ELSE 'true' END) END, '}');
	END LOOP;
	IF rung IS NOT NULL THEN
		PERFORM ring(rung);
	END IF;
END
$$
---
-- A job that failed or was cancelled begins anew; one that waits out a
-- backoff is due at once. What runs, is completed or blocked stays.
CREATE OR REPLACE FUNCTION :"schema".verb_retry(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp AS $$
DECLARE
	ids json := request::json -> 'ids';
	now bigint := now_ms();
	named record;
	state job_state;
	keyed boolean;
	done boolean;
	rung text[];
BEGIN
	PERFORM 1 FROM job_state s WHERE s.seq IN (SELECT e.seq
		FROM json_array_elements_text(ids) i (id)
		JOIN job_entry e ON e.id = i.id)
	ORDER BY s.seq FOR UPDATE;
	FOR named IN SELECT i.id, e.seq, e.key FROM json_array_elements_text(
			ids) WITH ORDINALITY i (id, o)
		LEFT JOIN job_entry e ON e.id = i.id
		GROUP BY i.id, e.seq, e.key ORDER BY min(o)
	LOOP
		state := NULL;
		SELECT * INTO state FROM job_state s WHERE s.seq = named.seq;
		done := state.stage > 4 OR state.stage IN (1, 2);
		keyed := true;
		IF state.stage > 4 AND named.key IS NOT NULL THEN
			INSERT INTO job_key (queue, key, job)
			VALUES (state.queue, named.key, named.seq)
			ON CONFLICT DO NOTHING;
			keyed := FOUND;
		END IF;
		IF done AND keyed THEN
			UPDATE job_state SET stage = CASE WHEN EXISTS (SELECT 1
					FROM job_need n WHERE n.job = named.seq)
					THEN 0 ELSE 2 END,
				run_ms = now,
				expires_ms = CASE WHEN expires_ms > now
					THEN expires_ms END,
				attempt = CASE WHEN stage > 4 THEN 0
					ELSE attempt END,
				rescues = 0, snoozes = 0, prune_ms = NULL,
				settled = NULL
			WHERE seq = named.seq;
			rung := rung || state.queue;
		END IF;
		RETURN NEXT concat('{"event":"retry","id":',
			as_json(named.id), ',"was":"', CASE
			WHEN state.seq IS NULL THEN 'unknown'
			ELSE as_state(state.stage) END, '","done":',
			CASE WHEN NOT keyed THEN 'false,"why":"key"'
				WHEN done THEN 'true' ELSE 'false' END, '}');
	END LOOP;
	PERFORM ring_idle(rung);
END
$$
---
-- Without older_ms what retention allows; with it all that ended before. A
-- dry run finds the same jobs on its next page: it goes on behind a cursor.
CREATE OR REPLACE FUNCTION :"schema".verb_prune(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp AS $$
DECLARE
	q record;
	now bigint := now_ms();
	gone bigint[];
BEGIN
	SELECT * INTO q FROM json_to_record(request::json) r ("limit" integer,
		older_ms bigint, dry boolean, after bigint);
	q."limit" := coalesce(q."limit", 500);
	IF q.dry THEN
		gone := ARRAY(SELECT s.seq FROM job_state s
			WHERE s.prune_ms IS NOT NULL
				AND s.seq > coalesce(q.after, 0)
				AND CASE WHEN q.older_ms IS NULL
					THEN s.prune_ms <= now
					ELSE s.ended_ms <= now - q.older_ms END
			ORDER BY s.seq LIMIT q."limit");
	ELSE
		gone := ARRAY(SELECT s.seq FROM job_state s
			WHERE s.prune_ms IS NOT NULL
				AND CASE WHEN q.older_ms IS NULL
					THEN s.prune_ms <= now
					ELSE s.ended_ms <= now - q.older_ms END
			ORDER BY s.prune_ms LIMIT q."limit"
			FOR UPDATE SKIP LOCKED);
	END IF;
	RETURN QUERY SELECT concat('{"event":"pruned","id":"', e.id, '"}')
	FROM job_entry e WHERE e.seq = ANY (gone) ORDER BY e.seq;
	IF NOT coalesce(q.dry, false) THEN
		PERFORM delete_jobs(gone);
	ELSIF cardinality(gone) >= q."limit" THEN
		RETURN NEXT concat('{"event":"page","after":',
			(SELECT max(g) FROM unnest(gone) g), '}');
	END IF;
END
$$
---
-- A queue that has no job yet can be paused too.
CREATE OR REPLACE FUNCTION :"schema".verb_pause(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp AS $$
DECLARE
	asked json := request::json;
BEGIN
	RETURN QUERY SELECT concat('{"event":"paused","queue":',
		as_json(p.name), ',"done":', CASE WHEN q.paused_ms IS NULL
			THEN 'true' ELSE 'false' END, '}')
	FROM json_array_elements_text(asked -> 'queues')
		WITH ORDINALITY p (name, o)
	LEFT JOIN queue_state q ON q.name = p.name ORDER BY o;
	IF (asked ->> 'dry')::boolean IS NOT TRUE THEN
		INSERT INTO queue_state (name, paused_ms)
		SELECT DISTINCT p.name, now_ms()
		FROM json_array_elements_text(asked -> 'queues') p (name)
		ORDER BY p.name
		ON CONFLICT (name) DO UPDATE SET paused_ms = coalesce(
			queue_state.paused_ms, excluded.paused_ms);
	END IF;
END
$$
---
CREATE OR REPLACE FUNCTION :"schema".verb_resume(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp AS $$
DECLARE
	asked json := request::json;
	queues text[] := ARRAY(SELECT json_array_elements_text(
		asked -> 'queues'));
BEGIN
	RETURN QUERY SELECT concat('{"event":"resumed","queue":',
		as_json(p.name), ',"done":', CASE WHEN q.paused_ms IS NULL
			THEN 'false' ELSE 'true' END, '}')
	FROM unnest(queues) WITH ORDINALITY p (name, o)
	LEFT JOIN queue_state q ON q.name = p.name ORDER BY o;
	IF (asked ->> 'dry')::boolean IS NOT TRUE THEN
		UPDATE queue_state SET paused_ms = NULL
		WHERE name = ANY (queues);
		PERFORM ring(queues);
	END IF;
END
$$
