-- A member of a kept line. It is NULL, too, where a text in the line holds
-- what the server cannot keep in a text of its own, such as \u0000.
CREATE OR REPLACE FUNCTION :"schema".member(line text, name text)
RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (line || '}')::json -> name;
EXCEPTION WHEN data_exception THEN
	RETURN NULL;
END
$$
---
-- For people and their own programs. A job may be inserted into job beside
-- one's own writes, in one's own transaction; what is left out has the
-- default.
CREATE OR REPLACE VIEW :"schema".job AS
SELECT e.id, e.queue, e.name, e.key, e.flow,
	:"schema".as_state(s.stage) AS state, s.priority, s.attempt,
	s.max_attempts, to_timestamp(s.run_ms / 1000.0) AS run_at,
	to_timestamp(s.expires_ms / 1000.0) AS expires_at,
	to_timestamp(e.pushed_ms / 1000.0) AS pushed_at,
	to_timestamp(s.started_ms / 1000.0) AS started_at,
	to_timestamp(s.ended_ms / 1000.0) AS ended_at,
	s.worker, s.epoch, s.rescues, s.reason, s.error,
	:"schema".member(e.line, 'input') AS input,
	:"schema".member(e.line, 'meta') AS meta,
	(:"schema".member(e.line, 'timeout') #>> '{}')::double precision
		AS timeout,
	:"schema".member(e.line, 'trace') #>> '{}' AS trace,
	ARRAY(SELECT n.id FROM :"schema".job_need n WHERE n.job = e.seq)
		AS needs,
	e.line || '}' AS line
FROM :"schema".job_entry e JOIN :"schema".job_state s ON s.seq = e.seq
---
CREATE OR REPLACE VIEW :"schema".event AS
SELECT l.seq, e.id, l.epoch, l.n, l.line || '}' AS line
FROM :"schema".event_log l JOIN :"schema".job_entry e ON e.seq = l.job
---
CREATE OR REPLACE VIEW :"schema".queue AS
SELECT name, to_timestamp(paused_ms / 1000.0) AS paused_at,
	to_timestamp(claimed_ms / 1000.0) AS claimed_at
FROM :"schema".queue_state
---
CREATE OR REPLACE FUNCTION :"schema".insert_job() RETURNS trigger
LANGUAGE plpgsql SET search_path = :"schema", pg_temp AS $$
BEGIN
	SELECT push(json_object_agg(m.key, m.value)::text) INTO NEW.id
	FROM json_each(json_build_object('id', NEW.id,
		'queue', NEW.queue, 'name', NEW.name, 'input', NEW.input,
		'priority', NEW.priority, 'run_at', NEW.run_at,
		'timeout', NEW.timeout, 'expires_at', as_time(
			(extract(epoch FROM NEW.expires_at) * 1000)::bigint),
		'key', NEW.key, 'needs', NEW.needs, 'flow', NEW.flow,
		'trace', NEW.trace, 'meta', NEW.meta,
		'max_attempts', NEW.max_attempts)) m
	WHERE json_typeof(m.value) <> 'null'
		OR (m.key = 'input' AND NEW.input IS NOT NULL);
	RETURN NEW;
END
$$
---
CREATE OR REPLACE TRIGGER insert_job INSTEAD OF INSERT ON :"schema".job
FOR EACH ROW EXECUTE FUNCTION :"schema".insert_job()
