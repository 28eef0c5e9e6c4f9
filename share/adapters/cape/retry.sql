-- only attempts
-- include attempts.sql
-- include retry-change.sql
, forgot AS (DELETE FROM cape_issues_attempt a USING changed
	WHERE a.issue_id = changed.id)
-- include retry-answer.sql
---
-- unless attempts
-- include no-attempts.sql
-- include retry-change.sql
-- include retry-answer.sql
