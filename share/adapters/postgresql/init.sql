-- The schema, version 1, and its functions: a verb is one call, planned once
-- for each connection. All of this may run again, and by two at once: the
-- second waits for the first and finds everything there.
--
-- Who makes it needs CREATE of the database, or a schema of its own. Another
-- role works with USAGE of the schema and SELECT, INSERT, UPDATE and DELETE of
-- all its tables; the functions are everybody's and run with the rights of who
-- calls them, so USAGE and EXECUTE alone are not enough, to push either.
SELECT pg_advisory_xact_lock(1785684593, hashtext(:'schema'))
---
-- A role that may not make schemas may have been given one.
DO $$
BEGIN
	IF to_regnamespace(quote_ident(:'schema')) IS NULL THEN
		CREATE SCHEMA :"schema";
	END IF;
END
$$
---
SET LOCAL search_path = :"schema", pg_temp
---
-- include tables.sql
---
-- include helpers.sql
---
-- include types.sql
---
-- include push-function.sql
---
-- include settle-function.sql
---
-- include lapse-function.sql
---
-- include claim-function.sql
---
-- include list-function.sql
---
-- include events-function.sql
---
-- include change-functions.sql
---
-- include stats-functions.sql
---
-- include push-text-function.sql
---
-- include views.sql
---
INSERT INTO :"schema".meta VALUES ('version', 1)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
