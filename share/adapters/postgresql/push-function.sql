-- A job whose id is there, or whose key an unfinished one has, changes
-- nothing: unique indexes decide, also within the batch and between
-- transactions.
CREATE OR REPLACE FUNCTION :"schema".verb_push(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
	jobs json := request::json -> 'jobs';
	now bigint := now_ms();
	fresh bigint[];
	clashing bigint[];
BEGIN
	INSERT INTO queue_state (name)
	SELECT DISTINCT p.queue FROM json_to_recordset(jobs) p (queue text)
	WHERE NOT EXISTS (SELECT 1 FROM queue_state q WHERE q.name = p.queue)
	ON CONFLICT DO NOTHING;
	-- Of a queue that was not there nobody can have asked for jobs.
	IF FOUND THEN
		PERFORM ring(ARRAY(SELECT DISTINCT p.queue
			FROM json_to_recordset(jobs) p (queue text)));
	END IF;

	WITH done AS (
		INSERT INTO job_entry (id, queue, name, key, flow, pushed_ms,
			line)
		SELECT p.id, p.queue, p.name, p.key, p.flow, now, p.line
		FROM ROWS FROM (json_to_recordset(jobs) AS (id text,
			queue text, name text, key text, flow text, line text))
			WITH ORDINALITY p (id, queue, name, key, flow, line, i)
		ORDER BY p.i
		ON CONFLICT (id) DO NOTHING
		RETURNING seq)
	SELECT array_agg(seq) INTO fresh FROM done;

	IF fresh IS NOT NULL THEN
		WITH done AS (
			INSERT INTO job_key (queue, key, job)
			SELECT queue, key, seq FROM job_entry
			WHERE seq = ANY (fresh) AND key IS NOT NULL
			ORDER BY seq
			ON CONFLICT DO NOTHING
			RETURNING job)
		SELECT array_agg(e.seq) INTO clashing
		FROM job_entry e
		WHERE e.seq = ANY (fresh) AND e.key IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM done
				WHERE done.job = e.seq);
		DELETE FROM job_entry WHERE seq = ANY (clashing);

		PERFORM push_states(jobs, fresh, now);
		PERFORM ring_idle(ARRAY(SELECT DISTINCT queue FROM job_state
			WHERE seq = ANY (fresh) AND stage = 2));
	END IF;

	RETURN QUERY
	SELECT concat(e.line, ',"attempt":', s.attempt, ',"run_at":"',
		as_time(s.run_ms), '","state":"', as_state(s.stage), '"}')
	FROM ROWS FROM (json_to_recordset(jobs) AS (id text, queue text,
		key text)) WITH ORDINALITY p (id, queue, key, i)
	CROSS JOIN LATERAL (SELECT coalesce(
		(SELECT seq FROM job_entry o WHERE o.id = p.id),
		(SELECT job FROM job_key k WHERE k.queue = p.queue
			AND k.key = p.key)) AS seq) j
	JOIN job_entry e ON e.seq = j.seq JOIN job_state s ON s.seq = j.seq
	ORDER BY p.i;
END
$$
---
-- The states of the entries in fresh. What one needs is locked before it is
-- looked at, so that it does not complete unseen meanwhile.
CREATE OR REPLACE FUNCTION :"schema".push_states(jobs json, fresh bigint[],
	now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO job_state (seq, stage, max_attempts, priority, bytes,
		run_ms, expires_ms, queue, flow)
	SELECT e.seq, CASE WHEN coalesce(p.run_at_ms, 0) <= now THEN 2
		ELSE 1 END, p.max_attempts, p.priority, octet_length(e.line),
		coalesce(p.run_at_ms, now), p.expires_at_ms, e.queue, e.flow
	FROM ROWS FROM (json_to_recordset(jobs) AS (id text,
		max_attempts integer, priority bigint, run_at_ms bigint,
		expires_at_ms bigint)) WITH ORDINALITY p (id, max_attempts,
		priority, run_at_ms, expires_at_ms, i)
	JOIN job_entry e ON e.id = p.id
	WHERE e.seq = ANY (fresh)
	ORDER BY e.seq, p.i
	ON CONFLICT DO NOTHING;

	IF NOT EXISTS (SELECT 1 FROM json_to_recordset(jobs) p (needs text[])
			WHERE p.needs IS NOT NULL) THEN
		RETURN;
	END IF;
	PERFORM 1 FROM job_state s WHERE s.stage < 4 AND s.seq IN (SELECT e.seq
		FROM json_to_recordset(jobs) p (needs text[])
		CROSS JOIN unnest(p.needs) n (id) JOIN job_entry e
			ON e.id = n.id)
	ORDER BY s.seq FOR SHARE;

	-- Of two lines with one new id the first counts.
	INSERT INTO job_need (id, job)
	SELECT n.id, e.seq
	FROM (SELECT DISTINCT ON (f.id) f.id, f.needs
		FROM ROWS FROM (json_to_recordset(jobs) AS (id text,
			needs text[])) WITH ORDINALITY f (id, needs, i)
		ORDER BY f.id, f.i) p
	JOIN job_entry e ON e.id = p.id
	CROSS JOIN unnest(p.needs) n (id)
	WHERE e.seq = ANY (fresh) AND NOT EXISTS (SELECT 1
		FROM job_entry d JOIN job_state s ON s.seq = d.seq
		WHERE d.id = n.id AND s.stage = 4)
	ON CONFLICT DO NOTHING;

	UPDATE job_state SET stage = 0
	WHERE seq = ANY (fresh) AND EXISTS (SELECT 1 FROM job_need n
		WHERE n.job = job_state.seq);
END
$$
