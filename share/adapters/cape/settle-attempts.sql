-- include attempts.sql
-- include settle-change.sql
, cleared AS (DELETE FROM cape_issues_attempt a USING changed
	WHERE a.issue_id = changed.id AND changed.status = 'completed'),
noted AS (INSERT INTO cape_issues_attempt AS a (issue_id, attempts,
		wait_seconds, last_error, settled, epoch, worker)
	SELECT id, attempts, wait_seconds, error, event, epoch, worker
	FROM changed WHERE event <> 'completed'
	ON CONFLICT (issue_id) DO UPDATE SET attempts = excluded.attempts,
		wait_seconds = excluded.wait_seconds,
		last_error = coalesce(excluded.last_error, a.last_error),
		settled = excluded.settled, epoch = excluded.epoch,
		worker = excluded.worker)
-- include settle-answer.sql
