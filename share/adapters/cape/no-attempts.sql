-- Without a side table nothing is counted, and what was touched since it was
-- made has come back from a worker: it waits a minute. What is to be claimed
-- at once gets the updated_at of a new issue, its created_at.
WITH keeps (attempts) AS (VALUES (false)),
attempt AS NOT MATERIALIZED (SELECT i.id, 0 AS attempts,
		60::double precision AS wait_seconds, NULL::text AS last_error,
		NULL::text AS settled, NULL::bigint AS epoch,
		NULL::text AS worker
	FROM cape_issues i
	WHERE i.status = 'pending' AND i.updated_at > i.created_at),
