-- Every write to a running job is compare-and-set on (epoch, worker): the one
-- UPDATE below looks again at what it has locked. A batch is folded first:
-- the first ending of a job counts, so each job is updated once however many
-- of its events the batch holds. Jobs are locked in the order of their
-- numbers, so that no two batches wait for each other.
CREATE OR REPLACE FUNCTION :"schema".change_jobs(events :"schema".told[],
	now bigint)
RETURNS SETOF :"schema".changed LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY
	UPDATE job_state s SET
		stage = next_stage(f.event, f.retry, s.attempt,
			s.max_attempts, s.snoozes, s.cancel),
		run_ms = CASE WHEN f.event IN ('failed', 'snoozed')
				AND next_stage(f.event, f.retry, s.attempt,
				s.max_attempts, s.snoozes, s.cancel) = 1
			THEN now + coalesce(f.retry_after_ms,
				CASE f.event WHEN 'snoozed' THEN 60000
				ELSE least(3600000, 15000
					* (1 << least(s.attempt - 1, 20))
					* (0.9 + random() / 5)) END)::bigint
			ELSE s.run_ms END,
		attempt = s.attempt - CASE WHEN s.attempt > 0
				AND (f.event = 'released' OR (f.event = 'snoozed'
				AND s.snoozes < 100)) THEN 1 ELSE 0 END,
		snoozes = s.snoozes
			+ CASE f.event WHEN 'snoozed' THEN 1 ELSE 0 END,
		heard_ms = now,
		renewed_ms = CASE WHEN f.i IS NULL THEN now
			ELSE s.renewed_ms END,
		lease_until = CASE WHEN f.i IS NULL THEN now + s.lease_ms END,
		started_ms = CASE WHEN f.started THEN
			coalesce(s.started_ms, now) ELSE s.started_ms END,
		settled = f.event,
		ended_ms = CASE WHEN f.i IS NULL THEN s.ended_ms ELSE now END,
		error = CASE WHEN f.i IS NULL THEN s.error ELSE f.error END,
		reason = CASE WHEN f.i IS NULL THEN s.reason
			WHEN next_stage(f.event, f.retry, s.attempt,
				s.max_attempts, s.snoozes, s.cancel) = 5
			THEN coalesce(s.cancel, f.reason) ELSE f.reason END,
		cancel = CASE WHEN f.i IS NULL THEN s.cancel END,
		prune_ms = CASE next_stage(f.event, f.retry, s.attempt,
				s.max_attempts, s.snoozes, s.cancel)
			WHEN 4 THEN now + 86400000 WHEN 5 THEN now + 86400000
			WHEN 6 THEN now + 604800000 END
	FROM (SELECT DISTINCT ON (v.job, v.epoch, v.worker)
			v.job, v.epoch, v.worker, v.started, v.reason,
			v.error, v.retry, v.retry_after_ms,
			CASE WHEN v.ending THEN v.i END AS i,
			CASE WHEN v.ending THEN v.event END AS event
		FROM (SELECT e.*, e.event IN ('completed', 'failed',
				'cancelled', 'released', 'snoozed') AS ending,
				bool_or(e.event = 'started') OVER (PARTITION BY
				e.job, e.epoch, e.worker) AS started
			FROM unnest(events) e
			WHERE e.job IS NOT NULL AND e.event <> 'alive') v
		ORDER BY v.job, v.epoch, v.worker, v.ending DESC, v.i) f
	-- By their numbers, in order, whatever the plan; + 0: never by the
	-- index of what runs.
	WHERE s.seq = ANY (ARRAY(SELECT e.job FROM unnest(events) e))
		AND s.seq = f.job AND s.stage + 0 = 3
		AND s.epoch = f.epoch AND s.worker = f.worker
	RETURNING s.seq, s.epoch, s.worker, s.stage, s.run_ms, f.i, f.event;
END
$$
---
-- What needed a job that is completed now no longer waits for it; a job whose
-- last need this was can start, or waits for its time. The waiting jobs are
-- locked first: of two parents that complete at once the second sees what the
-- first has deleted.
CREATE OR REPLACE FUNCTION :"schema".release_needs(completed text[],
	now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	freed bigint[];
BEGIN
	SELECT array_agg(DISTINCT job) INTO freed FROM job_need
	WHERE id = ANY (completed);
	IF freed IS NULL THEN
		RETURN;
	END IF;
	PERFORM 1 FROM job_state WHERE seq = ANY (freed)
	ORDER BY seq FOR UPDATE;
	DELETE FROM job_need WHERE job = ANY (freed) AND id = ANY (completed);
	UPDATE job_state SET stage = CASE WHEN run_ms <= now THEN 2 ELSE 1 END
	WHERE seq = ANY (freed) AND stage = 0 AND NOT EXISTS (SELECT 1
		FROM job_need n WHERE n.job = job_state.seq);
	PERFORM ring_idle(ARRAY(SELECT DISTINCT queue FROM job_state
		WHERE seq = ANY (freed) AND stage = 2));
END
$$
---
-- A job may be pushed before what it needs, or in a transaction that lasts: who
-- settles that meanwhile cannot see, before the push is committed, that it is
-- needed. So such needs are marked, and looked at by claims with a place left
-- and else once a second, some hundred from a random place on. What can be
-- locked here is not being settled by one who has not seen the need, and needs
-- the mark no longer.
CREATE OR REPLACE FUNCTION :"schema".release_early(now bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	low bigint := (SELECT min(job) FROM job_need WHERE early);
	most bigint;
	need record;
	is_now integer;
	completed text[];
BEGIN
	IF low IS NULL THEN
		RETURN;
	END IF;
	most := (SELECT max(job) FROM job_need WHERE early);
	FOR need IN SELECT id, job FROM job_need
		WHERE early AND job >= low
			+ floor(random() * (most - low + 1))::bigint
		ORDER BY job LIMIT 500
	LOOP
		SELECT s.stage INTO is_now FROM job_state s
		WHERE s.seq = (SELECT e.seq FROM job_entry e
			WHERE e.id = need.id)
		FOR SHARE SKIP LOCKED;
		IF is_now = 4 THEN
			completed := completed || need.id;
		ELSIF is_now IS NOT NULL THEN
			UPDATE job_need SET early = false
			WHERE id = need.id AND job = need.job;
		END IF;
	END LOOP;
	PERFORM release_needs(completed, now);
END
$$
---
-- Renewals: an alive event names its jobs by (id, epoch). One that waits (a
-- claim's, for what it has printed) renews only what has not started. What
-- somebody else has locked is being settled just now.
CREATE OR REPLACE FUNCTION :"schema".renew_jobs(events :"schema".told[],
	now bigint)
RETURNS void LANGUAGE sql SET search_path = :"schema", pg_temp AS $$
	UPDATE job_state SET lease_until = now + lease_ms, renewed_ms = now
	WHERE seq = ANY (ARRAY(SELECT s.seq
		FROM unnest(events) e CROSS JOIN jsonb_array_elements(e.jobs) a
			JOIN job_entry j ON j.id = a ->> 0
			JOIN job_state s ON s.seq = j.seq
		WHERE e.event = 'alive' AND s.epoch = (a ->> 1)::bigint
			AND s.worker = e.worker AND s.stage = 3
			AND (s.started_ms IS NULL
				OR e.waiting IS NOT TRUE)
		FOR UPDATE OF s SKIP LOCKED))
$$
---
-- Settles the events of a request, numbered behind first, tells of each, and
-- deletes finished jobs whose time has come, some more than it can have
-- finished, so that the tables stay bounded without anyone's timer.
CREATE OR REPLACE FUNCTION :"schema".settle_events(request jsonb, now bigint,
	first bigint)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	events told[];
	done changed[];
BEGIN
	SELECT array_agg(ROW(v.i, v.event, v.id, v.epoch, v.worker, v.n,
		v.reason, v.retry, v.retry_after_ms, v.error, v.waiting,
		v.jobs, v.line, (SELECT j.seq FROM job_entry j
			WHERE j.id = v.id))::told ORDER BY v.i) INTO events
	FROM ROWS FROM (jsonb_to_recordset(request) AS (event text, id text,
		epoch bigint, worker text, n bigint, reason text,
		retry boolean, retry_after_ms bigint, error text,
		waiting boolean, jobs jsonb, line text)) WITH ORDINALITY
		v (event, id, epoch, worker, n, reason, retry, retry_after_ms,
		error, waiting, jobs, line, i);
	IF cardinality(events) > 500 THEN
		RAISE 'a request has at most 500 events, this one %',
			cardinality(events);
	END IF;

	done := ARRAY(SELECT c FROM change_jobs(events, now) c);

	-- The log keeps each event once, however often it is sent.
	INSERT INTO event_log (seq, job, epoch, n, line)
	SELECT first + e.i, e.job, e.epoch, e.n, CASE
		WHEN d.i IS DISTINCT FROM e.i THEN e.line
		ELSE concat(e.line, ',"state":"', as_state(d.stage),
			CASE WHEN d.stage IN (1, 2) THEN
				'","run_at":"' || as_time(d.run_ms) END, '"')
		END
	FROM unnest(events) e JOIN unnest(done) d ON d.job = e.job
		AND d.epoch = e.epoch AND d.worker = e.worker
	WHERE (d.i IS NULL OR e.i <= d.i) AND e.event <> 'alive'
	ORDER BY e.i
	ON CONFLICT DO NOTHING;

	IF EXISTS (SELECT 1 FROM job_need) THEN
		PERFORM release_needs(ARRAY(SELECT events[d.i].id
			FROM unnest(done) d WHERE d.stage = 4), now);
	END IF;
	IF EXISTS (SELECT 1 FROM job_key) THEN
		DELETE FROM job_key WHERE job = ANY (ARRAY(SELECT d.job
			FROM unnest(done) d WHERE d.stage > 3));
	END IF;
	IF EXISTS (SELECT 1 FROM unnest(done) d WHERE d.stage = 2) THEN
		PERFORM ring_idle(ARRAY(SELECT DISTINCT s.queue
			FROM job_state s WHERE s.seq = ANY (ARRAY(SELECT d.job
				FROM unnest(done) d WHERE d.stage = 2))));
	END IF;
	IF EXISTS (SELECT 1 FROM unnest(events) e WHERE e.event = 'alive') THEN
		PERFORM renew_jobs(events, now);
	END IF;
	PERFORM delete_old(now, 10 + cardinality(events));

	RETURN QUERY
	SELECT CASE
		WHEN e.event = 'alive' THEN concat(e.line, ',"lost":[',
			(SELECT string_agg(concat('["', a ->> 0, '",', a ->> 1,
				']'), ',' ORDER BY o)
			FROM jsonb_array_elements(e.jobs)
				WITH ORDINALITY t (a, o)
			WHERE NOT EXISTS (SELECT 1 FROM job_state h
				WHERE h.seq = (SELECT j.seq FROM job_entry j
					WHERE j.id = a ->> 0) AND h.stage + 0 = 3
				AND h.epoch = (a ->> 1)::bigint
				AND h.worker = e.worker)), ']',
			CASE WHEN e.waiting THEN ',"started":[' END,
			CASE WHEN e.waiting THEN (SELECT string_agg(concat('["',
				a ->> 0, '",', a ->> 1, ']'), ',' ORDER BY o)
			FROM jsonb_array_elements(e.jobs)
				WITH ORDINALITY t (a, o)
			WHERE EXISTS (SELECT 1 FROM job_state h
				WHERE h.seq = (SELECT j.seq FROM job_entry j
					WHERE j.id = a ->> 0) AND h.stage + 0 = 3
				AND h.epoch = (a ->> 1)::bigint
				AND h.worker = e.worker
				AND h.started_ms IS NOT NULL)) END,
			CASE WHEN e.waiting THEN ']' END, '}')
		WHEN e.i = d.i THEN concat(e.line,
			',"settled":true,"state":"', as_state(d.stage),
			CASE WHEN d.stage IN (1, 2) THEN
				'","run_at":"' || as_time(d.run_ms) END, '"}')
		WHEN e.job IS NULL OR e.epoch IS NULL THEN
			e.line || ',"settled":"unknown"}'
		WHEN (d.job IS NOT NULL AND (d.i IS NULL OR e.i < d.i
				OR e.event = d.event))
			OR (s.epoch = e.epoch AND s.worker = e.worker
				AND s.settled = e.event)
			OR (e.n IS NOT NULL AND e.event NOT IN ('completed',
				'failed', 'cancelled', 'released', 'snoozed')
				AND EXISTS (SELECT 1 FROM event_log l
				WHERE l.job = e.job AND l.epoch = e.epoch
				AND l.n = e.n AND s.worker = e.worker))
			THEN e.line || ',"settled":true}'
		ELSE e.line || ',"settled":"stale"}'
		END
	FROM unnest(events) e
	LEFT JOIN unnest(done) d ON d.job = e.job AND d.epoch = e.epoch
		AND d.worker = e.worker
	LEFT JOIN LATERAL (SELECT * FROM job_state h WHERE h.seq = e.job
		AND (d.job IS NULL OR e.i > d.i) OFFSET 0) s ON true
	ORDER BY e.i;
END
$$
---
CREATE OR REPLACE FUNCTION :"schema".verb_settle(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
	RETURN QUERY
	SELECT * FROM settle_events(request::jsonb -> 'events', now_ms(),
		first_event());
END
$$
---
CREATE OR REPLACE FUNCTION :"schema".delete_jobs(jobs bigint[])
RETURNS void LANGUAGE sql SET search_path = :"schema", pg_temp AS $$
	UPDATE meta SET value = greatest(value, (SELECT max(seq)
		FROM event_log WHERE job = ANY (jobs)))
	WHERE name = 'pruned_seq';
	DELETE FROM event_log WHERE job = ANY (jobs);
	DELETE FROM job_need WHERE job = ANY (jobs);
	DELETE FROM job_key WHERE job = ANY (jobs);
	DELETE FROM job_entry WHERE seq = ANY (jobs);
	DELETE FROM job_state WHERE seq = ANY (jobs);
$$
---
-- Finished jobs go when their time has come, with their events. One
-- transaction does this at a time, the others leave it to it.
CREATE OR REPLACE FUNCTION :"schema".delete_old(now bigint, most integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	begun timestamptz := clock_timestamp();
	first bigint;
	gone bigint[];
BEGIN
	IF NOT look_again('prune', now) THEN
		RETURN;
	END IF;
	first := (SELECT min(prune_ms) FROM job_state);
	PERFORM looked('prune', now, begun);
	IF coalesce(first, now + 1) > now OR NOT
		pg_try_advisory_xact_lock(1785684595, hashtext(:'schema')) THEN
		RETURN;
	END IF;
	gone := ARRAY(SELECT seq FROM job_state WHERE prune_ms <= now
		ORDER BY prune_ms LIMIT most FOR UPDATE SKIP LOCKED);
	PERFORM delete_jobs(gone);
END
$$
