-- An event of a request with the job it is about (NULL: there is none).
DO $$
BEGIN
	IF to_regtype(quote_ident(:'schema') || '.told') IS NULL THEN
		CREATE TYPE :"schema".told AS (i integer, event text, id text,
			epoch bigint, worker text, n bigint, reason text,
			retry boolean, retry_after_ms bigint, error text,
			waiting boolean, jobs jsonb, line text, job bigint);
	END IF;
END
$$
---
-- A job that the events of its lease have changed: i is its ending's place.
DO $$
BEGIN
	IF to_regtype(quote_ident(:'schema')
			|| '.changed') IS NULL THEN
		CREATE TYPE :"schema".changed AS (job bigint, epoch bigint,
			worker text, stage smallint, run_ms bigint, i integer,
			event text);
	END IF;
END
$$
