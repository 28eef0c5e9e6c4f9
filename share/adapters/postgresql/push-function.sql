-- A job whose id is there, or whose key an unfinished one has, changes
-- nothing: unique indexes decide, also within the batch and between
-- transactions.
--
-- A transaction of somebody else's may last. Nobody is kept waiting by its end
-- but who pushes the same id or key: a new queue is entered when it commits,
-- and what it needs is not locked (release_early).
CREATE OR REPLACE FUNCTION :"schema".verb_push(request text,
	lasts boolean DEFAULT false)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp SET jit = off
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
	jobs jsonb := request::jsonb -> 'jobs';
	now bigint := now_ms();
	fresh bigint[];
	clash record;
	new_queues text[];
BEGIN
	new_queues := ARRAY(SELECT DISTINCT p.queue
		FROM jsonb_to_recordset(jobs) p (queue text)
		WHERE NOT EXISTS (SELECT 1 FROM queue_state q
			WHERE q.name = p.queue)
		ORDER BY p.queue);
	IF lasts THEN
		INSERT INTO queue_new SELECT unnest(new_queues);
	ELSE
		INSERT INTO queue_state (name) SELECT unnest(new_queues)
		ON CONFLICT DO NOTHING;
	END IF;

	WITH done AS (
		INSERT INTO job_entry (id, queue, name, key, flow, pushed_ms,
			line)
		SELECT p.id, p.queue, p.name, p.key, p.flow, now, p.line
		FROM ROWS FROM (jsonb_to_recordset(jobs) AS (id text,
			queue text, name text, key text, flow text, line text))
			WITH ORDINALITY p (id, queue, name, key, flow, line, i)
		ORDER BY p.i
		ON CONFLICT (id) DO NOTHING
		RETURNING seq)
	SELECT array_agg(seq) INTO fresh FROM done;

	IF fresh IS NOT NULL THEN
		SELECT * INTO clash FROM take_keys(fresh);
		DELETE FROM job_entry WHERE seq = ANY (clash.entries);

		PERFORM push_states(jobs, fresh, now, lasts);
		IF cardinality(new_queues) > 0 THEN
			PERFORM ring(ARRAY(SELECT DISTINCT queue FROM job_state
				WHERE seq = ANY (fresh) AND stage = 2));
		ELSE
			PERFORM ring_idle(ARRAY(SELECT DISTINCT queue
				FROM job_state
				WHERE seq = ANY (fresh) AND stage = 2));
		END IF;
	ELSE
		SELECT NULL::text[] AS ids, NULL::bigint[] AS holders
		INTO clash;
	END IF;

	RETURN QUERY
	SELECT concat(e.line, ',"attempt":', s.attempt, ',"run_at":"',
		as_time(s.run_ms), '","state":"', as_state(s.stage), '"}')
	FROM ROWS FROM (jsonb_to_recordset(jobs) AS (id text))
		WITH ORDINALITY p (id, i)
	LEFT JOIN unnest(clash.ids, clash.holders) h (id, job) ON h.id = p.id
	CROSS JOIN LATERAL (SELECT coalesce(h.job, (SELECT seq
		FROM job_entry o WHERE o.id = p.id)) AS seq) j
	CROSS JOIN LATERAL (SELECT * FROM job_entry WHERE seq = j.seq
		OFFSET 0) e
	CROSS JOIN LATERAL (SELECT * FROM job_state WHERE seq = j.seq
		OFFSET 0) s
	ORDER BY p.i;
END
$$
---
-- Takes the keys of new entries; the result is which of these have to go,
-- because others hold their keys, and who does. A holder may end between the
-- two looks; then the key can be had.
CREATE OR REPLACE FUNCTION :"schema".take_keys(fresh bigint[],
	OUT entries bigint[], OUT ids text[], OUT holders bigint[])
LANGUAGE plpgsql AS $$
BEGIN
	LOOP
		INSERT INTO job_key (queue, key, job)
		SELECT queue, key, seq FROM job_entry
		WHERE seq = ANY (fresh) AND key IS NOT NULL
		ORDER BY queue, key, seq
		ON CONFLICT DO NOTHING;
		SELECT array_agg(e.seq), array_agg(e.id), array_agg(k.job)
		INTO entries, ids, holders
		FROM job_entry e LEFT JOIN LATERAL (SELECT job FROM job_key
			WHERE queue = e.queue AND key = e.key OFFSET 0) k
			ON true
		WHERE e.seq = ANY (fresh) AND e.key IS NOT NULL
			AND k.job IS DISTINCT FROM e.seq;
		EXIT WHEN array_position(holders, NULL) IS NULL;
	END LOOP;
END
$$
---
-- The states of the entries in fresh. What one needs is locked before it is
-- looked at, so that it does not complete unseen meanwhile; of what is not, and
-- may not be there yet, see release_early.
CREATE OR REPLACE FUNCTION :"schema".push_states(jobs jsonb, fresh bigint[],
	now bigint, lasts boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	held bigint[] := '{}';
BEGIN
	INSERT INTO job_state (seq, stage, max_attempts, priority, bytes,
		run_ms, expires_ms, queue, flow)
	SELECT e.seq, CASE WHEN coalesce(p.run_at_ms, 0) <= now THEN 2
		ELSE 1 END, p.max_attempts, p.priority, octet_length(e.line),
		coalesce(p.run_at_ms, now), p.expires_at_ms, e.queue, e.flow
	FROM ROWS FROM (jsonb_to_recordset(jobs) AS (id text,
		max_attempts integer, priority bigint, run_at_ms bigint,
		expires_at_ms bigint)) WITH ORDINALITY p (id, max_attempts,
		priority, run_at_ms, expires_at_ms, i)
	JOIN job_entry e ON e.id = p.id
	WHERE e.seq = ANY (fresh)
	ORDER BY e.seq, p.i
	ON CONFLICT DO NOTHING;

	IF NOT EXISTS (SELECT 1 FROM jsonb_to_recordset(jobs) p (needs text[])
			WHERE p.needs IS NOT NULL) THEN
		RETURN;
	END IF;
	IF NOT lasts THEN
		held := ARRAY(SELECT s.seq FROM job_state s
			WHERE s.stage < 4 AND s.seq = ANY (ARRAY(
				SELECT e.seq FROM job_entry e
				WHERE e.id = ANY (ARRAY(SELECT n.id
					FROM jsonb_to_recordset(jobs)
						p (needs text[])
					CROSS JOIN unnest(p.needs) n (id)))))
			ORDER BY s.seq FOR SHARE);
	END IF;

	-- Of two lines with one new id the first counts.
	INSERT INTO job_need (id, job, early)
	SELECT n.id, e.seq, NOT EXISTS (SELECT 1 FROM job_entry d
		WHERE d.id = n.id AND d.seq = ANY (held))
	FROM (SELECT DISTINCT ON (f.id) f.id, f.needs
		FROM ROWS FROM (jsonb_to_recordset(jobs) AS (id text,
			needs text[])) WITH ORDINALITY f (id, needs, i)
		ORDER BY f.id, f.i) p
	JOIN job_entry e ON e.id = p.id
	CROSS JOIN unnest(p.needs) n (id)
	WHERE e.seq = ANY (fresh) AND NOT EXISTS (SELECT 1
		FROM job_entry d JOIN job_state s ON s.seq = d.seq
		WHERE d.id = n.id AND s.stage = 4 OFFSET 0)
	ON CONFLICT DO NOTHING;

	UPDATE job_state SET stage = 0
	WHERE seq = ANY (fresh) AND EXISTS (SELECT 1 FROM job_need n
		WHERE n.job = job_state.seq);
END
$$
---
CREATE OR REPLACE FUNCTION :"schema".enter_queue() RETURNS trigger
LANGUAGE plpgsql SET search_path = :"schema", pg_temp AS $$
BEGIN
	INSERT INTO queue_state (name) VALUES (NEW.name)
	ON CONFLICT DO NOTHING;
	DELETE FROM queue_new WHERE name = NEW.name;
	RETURN NULL;
END
$$
---
DROP TRIGGER IF EXISTS enter_queue ON :"schema".queue_new
---
CREATE CONSTRAINT TRIGGER enter_queue AFTER INSERT ON :"schema".queue_new
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION :"schema".enter_queue()
