-- Writes what the store itself does to a job: one event, its line without
-- the closing brace.
CREATE OR REPLACE FUNCTION :"schema".end_job(number bigint,
	state :"schema".job_state,
	becomes integer, event text, why text, complaint text, now bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	line := concat('{"event":"', event, '","id":"',
		(SELECT id FROM job_entry e WHERE e.seq = state.seq), '"',
		CASE WHEN state.stage = 3 THEN concat(',"epoch":', state.epoch,
			',"worker":', as_json(state.worker)) END,
		',"at":"', as_time(now), '","reason":', as_json(why),
		',"error":' || as_json(complaint),
		',"state":"', as_state(becomes), '"');
	INSERT INTO event_log (seq, job, epoch, line)
	VALUES (number, state.seq, state.epoch, line);
	UPDATE job_state SET stage = becomes, lease_until = NULL,
		cancel = NULL, settled = NULL, reason = why,
		error = complaint, ended_ms = now,
		attempt = attempt - CASE WHEN becomes = 2 AND attempt > 0
			THEN 1 ELSE 0 END,
		rescues = rescues + CASE WHEN becomes = 2
			AND started_ms IS NOT NULL THEN 1 ELSE 0 END,
		prune_ms = CASE becomes WHEN 5 THEN now + 86400000
			WHEN 6 THEN now + 604800000 END
	WHERE seq = state.seq;
	IF becomes > 3 THEN
		DELETE FROM job_key k WHERE k.job = state.seq;
	END IF;
	RETURN line;
END
$$
---
-- Leases that ran out and jobs that expired, together no more than a page. A
-- lapse before the start gives the attempt back and is no rescue; the fourth
-- rescue would be the poison job's, which fails instead. The request has at
-- most 500 events of its own, numbered behind first, or none, and no first.
CREATE OR REPLACE FUNCTION :"schema".lapse(now bigint, first bigint,
	at_once boolean)
RETURNS TABLE (line text, becomes integer) LANGUAGE plpgsql AS $$
DECLARE
	job job_state;
	number bigint;
	crashed boolean;
	queues text[];
	begun timestamptz := clock_timestamp();
	nothing boolean;
BEGIN
	IF NOT at_once AND NOT look_again('lapse', now) THEN
		RETURN;
	END IF;
	-- A minimum is the first entry of its index, whatever the planner
	-- believes about the others.
	nothing := coalesce((SELECT min(s.lease_until) FROM job_state s
			WHERE s.stage = 3), now) >= now
		AND coalesce((SELECT min(s.expires_ms) FROM job_state s
			WHERE s.stage < 3), now + 1) > now;
	PERFORM looked('lapse', now, begun);
	IF nothing THEN
		RETURN;
	END IF;
	number := coalesce(first, first_event()) + 501;
	FOR job IN SELECT * FROM job_state s
		WHERE s.stage = 3 AND s.lease_until < now
		ORDER BY s.lease_until LIMIT 100 FOR UPDATE SKIP LOCKED
	LOOP
		crashed := job.started_ms IS NOT NULL AND job.rescues >= 3;
		becomes := CASE WHEN job.cancel IS NOT NULL THEN 5
			WHEN crashed THEN 6 ELSE 2 END;
		line := end_job(number, job, becomes,
			CASE becomes WHEN 5 THEN 'cancelled' WHEN 6 THEN 'failed'
				ELSE 'released' END,
			CASE becomes WHEN 5 THEN job.cancel WHEN 6 THEN 'crash'
				ELSE 'lost' END,
			CASE becomes WHEN 6 THEN 'crashed 4 times: its worker'
				|| ' was gone each time before it ended' END,
			now);
		number := number + 1;
		queues := queues || job.queue;
		RETURN NEXT;
	END LOOP;
	FOR job IN SELECT * FROM job_state s
		WHERE s.expires_ms IS NOT NULL AND s.stage < 3
			AND s.expires_ms <= now
		ORDER BY s.expires_ms LIMIT 400 FOR UPDATE SKIP LOCKED
	LOOP
		becomes := 5;
		line := end_job(number, job, 5, 'cancelled', 'expired', NULL,
			now);
		number := number + 1;
		RETURN NEXT;
	END LOOP;
	PERFORM ring_idle(queues);
END
$$
---
CREATE OR REPLACE FUNCTION :"schema".verb_reap(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
	now bigint := now_ms();
	first bigint;
BEGIN
	IF (request::json ->> 'dry')::boolean IS TRUE THEN
		RETURN QUERY
		SELECT concat('{"event":"', CASE
				WHEN s.stage < 3 OR s.cancel IS NOT NULL
					THEN 'cancelled'
				WHEN s.started_ms IS NULL OR s.rescues < 3
					THEN 'released'
				ELSE 'failed' END,
			'","id":"', e.id, '","reason":', as_json(CASE
				WHEN s.stage < 3 THEN 'expired'
				WHEN s.cancel IS NOT NULL THEN s.cancel
				WHEN s.started_ms IS NULL OR s.rescues < 3
					THEN 'lost'
				ELSE 'crash' END), '}')
		FROM job_state s JOIN job_entry e ON e.seq = s.seq
		WHERE (s.stage = 3 AND s.lease_until < now)
			OR (s.expires_ms IS NOT NULL AND s.stage < 3
				AND s.expires_ms <= now)
		ORDER BY s.seq LIMIT 500;
		RETURN;
	END IF;
	first := first_event();
	-- A need that completed while the job that has it was being pushed.
	PERFORM release_needs(ARRAY(SELECT DISTINCT n.id FROM job_need n
		JOIN job_entry e ON e.id = n.id
		JOIN job_state s ON s.seq = e.seq WHERE s.stage = 4), now);
	RETURN QUERY SELECT l.line || '}' FROM lapse(now, first, true) l;
END
$$
