-- What the side table says of an issue: how often it failed, how long it
-- waits from its updated_at, and the ending that was settled last.
WITH keeps (attempts) AS (VALUES (true)),
attempt AS NOT MATERIALIZED (SELECT issue_id AS id, attempts, wait_seconds,
		last_error, settled, epoch, worker
	FROM cape_issues_attempt),
