-- The table of the issues, if there is none; one that is there is never
-- changed. Two that run this at once wait for each other.
SELECT pg_advisory_xact_lock(1785684596)
---
DO $$
BEGIN
	IF to_regclass('cape_issues') IS NOT NULL THEN
		RETURN;
	END IF;
	CREATE TABLE cape_issues (
	    id SERIAL PRIMARY KEY,
	    description TEXT NOT NULL,
	    status VARCHAR(20) NOT NULL DEFAULT 'pending',
	    assigned_worker_id VARCHAR(100),
	    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
	    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
	    started_at TIMESTAMP,
	    completed_at TIMESTAMP
	);
END
$$
---
-- Beside it, what it has no column for. An issue has a row here from its
-- first ending that is not completed to its completion; there is no foreign
-- key, for that would be a trigger on the table of the issues.
DO $$
BEGIN
	IF to_regclass('cape_issues_attempt') IS NULL THEN
		CREATE TABLE cape_issues_attempt (
		    issue_id INTEGER PRIMARY KEY,
		    -- runs that failed, and how long it waits from updated_at
		    attempts INTEGER NOT NULL,
		    wait_seconds DOUBLE PRECISION NOT NULL,
		    last_error TEXT,
		    -- the last ending and the lease that it came from
		    settled TEXT NOT NULL,
		    epoch BIGINT NOT NULL,
		    worker TEXT NOT NULL
		);
		COMMENT ON TABLE cape_issues_attempt IS
			'failed runs of cape_issues, counted by jobq';
	ELSIF has_table_privilege('cape_issues_attempt', 'DELETE') THEN
		DELETE FROM cape_issues_attempt a WHERE NOT EXISTS
			(SELECT 1 FROM cape_issues c WHERE c.id = a.issue_id);
	END IF;
EXCEPTION WHEN insufficient_privilege THEN
	RAISE WARNING 'the table cape_issues_attempt cannot be made here (%):'
		' attempts are not counted, and what has failed is tried again'
		' after 60 s; let somebody who may make tables run'
		' `jobq-admin init` and grant its use', SQLERRM;
END
$$
