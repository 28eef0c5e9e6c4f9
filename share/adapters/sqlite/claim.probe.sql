-- unless events
-- unless held
-- unless queues
-- unless flow
-- Nothing at all is pending or running, which is soon said.
SELECT '{"event":"idle","unfinished":0}'
WHERE NOT EXISTS (SELECT 1 FROM job WHERE stage = 1)
	AND NOT EXISTS (SELECT 1 FROM job WHERE stage = 2 AND rescues < 2)
	AND NOT EXISTS (SELECT 1 FROM job WHERE stage = 2 AND rescues >= 2)
	AND NOT EXISTS (SELECT 1 FROM job WHERE stage = 3)
	AND NOT EXISTS (SELECT 1 FROM job INDEXED BY job_expiry
		WHERE expires_ms IS NOT NULL AND stage < 3)
---
-- unless count
-- unless events
-- A plain read: when there is nothing to take, nothing to settle, nothing
-- held to be stopped and nothing lapsed, the answer is idle and no writer's
-- turn is taken.
-- include claim-now.sql
-- include claim-next.sql
	|| CASE WHEN r.by_queue OR r.flow IS NOT NULL THEN ''
	ELSE ',"unfinished":' || (SELECT count(*) FROM (SELECT 1 FROM job
		WHERE stage = 1 UNION ALL SELECT 1 FROM job
		WHERE stage = 2 AND rescues < 2 UNION ALL SELECT 1 FROM job
		WHERE stage = 2 AND rescues >= 2 UNION ALL SELECT 1 FROM job
		WHERE stage = 3 LIMIT 1000)) END
	|| '}'
-- include claim-nothing.sql
---
-- only count
-- unless events
-- include claim-now.sql
-- include claim-next.sql
-- include claim-unfinished.sql
-- include claim-nothing.sql
