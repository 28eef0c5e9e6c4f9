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
