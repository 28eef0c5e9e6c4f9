-- What the doctor asks: a line for each thing that was looked at. A table that
-- belongs to others is never wrong as it is; what could be better is said.
SELECT concat('{"check":"server","ok":true,"text":', to_json(
	'PostgreSQL ' || current_setting('server_version')), '}')
---
SELECT concat('{"check":"durability","ok":',
	(current_setting('fsync')::boolean
		AND current_setting('synchronous_commit') <> 'off'
		AND current_setting('full_page_writes')::boolean)::text,
	',"text":', to_json(format('fsync is %s, synchronous_commit %s,'
		' full_page_writes %s', current_setting('fsync'),
		current_setting('synchronous_commit'),
		current_setting('full_page_writes'))), '}')
---
SELECT concat('{"check":"clock","ok":true,"text":', to_json(format('times are'
	' by the server''s clock, local to %s', current_setting('TimeZone'))),
	',"at":"', to_char(clock_timestamp() AT TIME ZONE 'UTC',
		'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '"}')
---
SELECT concat('{"check":"table","ok":', may::text, ',"text":', to_json(CASE
	WHEN may THEN 'cape_issues can be read and updated'
	ELSE format('%s may not update cape_issues: GRANT SELECT, UPDATE'
		' ON cape_issues TO %I', current_user, current_user) END), '}')
FROM (SELECT has_table_privilege('cape_issues', 'SELECT')
	AND has_table_privilege('cape_issues', 'UPDATE') AS may) t
---
-- only attempts
SELECT concat('{"check":"attempts","ok":true,"text":', to_json(format(
	'failed runs are counted in cape_issues_attempt, which has %s rows;'
	' after the fifth an issue %s', count(*), CASE WHEN :'failed' = ''
		THEN 'waits an hour between runs'
		ELSE 'has the status ' || :'failed' END)), '}')
FROM cape_issues_attempt
---
-- unless attempts
SELECT concat('{"check":"attempts","ok":', (:'failed' = '')::text, ',"text":',
	to_json(concat('there is no table cape_issues_attempt, or ',
	current_user, ' may not use it: failed runs are not counted, and what',
	' has failed waits 60 s', CASE WHEN :'failed' <> '' THEN
		'; no issue is ever used up by them, so failed=' || :'failed'
		|| ' marks only what fails for good' END,
	'. `jobq-admin init` makes it, as a role that may make tables')), '}')
---
SELECT concat('{"check":"lapsed","ok":', (count(*) = 0)::text, ',"text":',
	to_json(format('%s issues are started for more than two hours; a claim'
	' frees them', count(*))), '}')
FROM cape_issues WHERE status = 'started'
	AND CASE WHEN :'heartbeat' = '1' THEN greatest(started_at, updated_at)
		ELSE coalesce(started_at, updated_at) END::timestamptz
		< clock_timestamp() - interval '2 hours'
---
SELECT concat('{"check":"length","ok":', (count(*) = 0)::text, ',"text":',
	to_json(format('%s pending issues are longer than a line of jobq can'
	' be (2 MiB); they are never claimed', count(*))), '}')
FROM cape_issues c WHERE status = 'pending'
	AND octet_length(description) >= 200000
	AND octet_length(row_to_json(c)::text) >= 1900000
---
SELECT concat('{"check":"index","ok":true,"text":', to_json(format('there are'
	' %s rows and no index by status: CREATE INDEX CONCURRENTLY ON'
	' cape_issues (id) WHERE status = ''pending'', and the same for'
	' ''started'', make claims cheap', c.reltuples::bigint)), '}')
FROM pg_class c
WHERE c.oid = to_regclass('cape_issues') AND c.reltuples >= 50000
	AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid
		AND pg_get_indexdef(i.indexrelid) LIKE '%status%')
