-- Takes a text as a name or an id, or says what is wrong with it.
CREATE OR REPLACE FUNCTION :"schema".as_name(member text, value text)
RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF octet_length(value) NOT BETWEEN 1 AND 255
		OR value ~ '[\x01-\x1f\x7f]' THEN
		RAISE 'member "%" is 1 to 255 bytes without control characters',
			member;
	END IF;
	RETURN value;
END
$$
---
CREATE OR REPLACE FUNCTION :"schema".as_id(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF value !~ '^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$' THEN
		RAISE 'an id is 1 to 128 of A-Za-z0-9._:@-, the first a letter'
			' or digit, not %', quote_literal(value);
	END IF;
	RETURN value;
END
$$
---
-- A UUID of version 7 (RFC 9562): ids that grow with time keep their index
-- small.
CREATE OR REPLACE FUNCTION :"schema".new_id() RETURNS text
LANGUAGE sql VOLATILE AS $$
	SELECT concat(left(t, 8), '-', right(t, 4), '-7', substr(r, 16, 3),
		substr(r, 19))
	FROM (SELECT lpad(to_hex((extract(epoch FROM clock_timestamp())
			* 1000)::bigint), 12, '0') AS t,
		gen_random_uuid()::text AS r) u
$$
---
-- Pushes one job, a JSON object as jobq-push takes it, in the caller's own
-- transaction; the result is its id. What it does not understand is an error,
-- and then nothing is pushed.
CREATE OR REPLACE FUNCTION :"schema".push(job text) RETURNS text
LANGUAGE plpgsql SET search_path = :"schema", pg_temp AS $$
DECLARE
	given json := job::json;
	own constant text[] := '{state,attempt,run_at,lease,held,ended,rescues,'
		'why,pushed_at}';
	p record;
	line text;
	pushed text;
BEGIN
	IF json_typeof(given) <> 'object' THEN
		RAISE 'a job is a JSON object, not a %', json_typeof(given);
	END IF;
	IF octet_length(job) > 1048576 THEN
		RAISE 'a job has at most 1 MiB, this one % bytes',
			octet_length(job);
	END IF;
	IF EXISTS (SELECT 1 FROM json_object_keys(given) k
			GROUP BY k HAVING count(*) > 1) THEN
		RAISE 'a member stands there twice';
	END IF;
	SELECT * INTO p FROM json_to_record(given) r (id text, queue text,
		name text, priority integer, max_attempts integer,
		run_at timestamptz, expires_at timestamptz, key text,
		flow text, needs text[], timeout double precision);
	IF given -> 'input' IS NULL AND p.name IS NULL THEN
		RAISE 'a job needs a member "input" or "name"';
	END IF;
	p.id := as_id(coalesce(p.id, new_id()));
	p.queue := as_name('queue', coalesce(p.queue, 'default'));
	p.name := as_name('name', coalesce(p.name, 'default'));
	p.priority := coalesce(p.priority, 0);
	p.max_attempts := coalesce(p.max_attempts, 5);
	PERFORM as_name('key', p.key), as_name('flow', p.flow);
	PERFORM as_id(n) FROM unnest(p.needs) n;
	IF p.max_attempts NOT BETWEEN 1 AND 1000000 THEN
		RAISE 'member "max_attempts" is 1 to 1000000';
	END IF;
	IF cardinality(p.needs) > 1000 THEN
		RAISE 'member "needs" has more than 1000 ids';
	END IF;
	IF p.timeout <= 0 THEN
		RAISE 'member "timeout" is more than 0 seconds';
	END IF;

	-- The values keep their text.
	SELECT concat('{"id":', as_json(p.id), ',"queue":', as_json(p.queue),
		',"name":', as_json(p.name), ',"priority":', p.priority,
		',"max_attempts":', p.max_attempts,
		string_agg(concat(',', as_json(m.key), ':', m.value), ''
			ORDER BY m.o) FILTER (WHERE m.key <> ALL (own)
			AND m.key NOT IN ('id', 'queue', 'name', 'priority',
				'max_attempts')))
	INTO line FROM json_each(given) WITH ORDINALITY m (key, value, o);
	SELECT v INTO pushed FROM verb_push(json_build_object('jobs',
		json_build_array(json_build_object('id', p.id,
		'queue', p.queue, 'name', p.name, 'priority', p.priority,
		'max_attempts', p.max_attempts,
		'run_at_ms', (extract(epoch FROM p.run_at) * 1000)::bigint,
		'expires_at_ms',
			(extract(epoch FROM p.expires_at) * 1000)::bigint,
		'key', p.key, 'flow', p.flow, 'needs', p.needs,
		'line', line)))::text, true) v;
	RETURN pushed::json ->> 'id';
END
$$
