-- A status that the column cannot hold, or that means something else, would
-- only be found out when the first issue has failed.
DO $$
BEGIN
	IF length(:'failed') > 20 OR :'failed' IN ('pending', 'started',
			'completed') THEN
		RAISE invalid_name USING MESSAGE = 'failed=' || :'failed'
			|| ': a status has at most 20 characters and is not'
			|| ' pending, started or completed';
	END IF;
	IF :'heartbeat' NOT IN ('0', '1') THEN
		RAISE invalid_name USING MESSAGE = 'heartbeat='
			|| :'heartbeat' || ': must be 1 or 0, whether all'
			|| ' workers renew by updated_at';
	END IF;
END
$$
---
-- attempts: there is a table to count them in, and it may be used.
SELECT 'attempts'
WHERE has_table_privilege(to_regclass('cape_issues_attempt'), 'SELECT')
	AND has_table_privilege(to_regclass('cape_issues_attempt'), 'INSERT')
	AND has_table_privilege(to_regclass('cape_issues_attempt'), 'UPDATE')
	AND has_table_privilege(to_regclass('cape_issues_attempt'), 'DELETE')
