-- include attempts.sql
-- include lapsed.sql
UPDATE cape_issues_attempt a SET wait_seconds = 0 FROM lapsed
WHERE a.issue_id = lapsed.id
