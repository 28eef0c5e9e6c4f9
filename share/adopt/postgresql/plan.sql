-- How the server goes about a claim: the first row that waits, and those that
-- run, as claim.sql asks for them, explained and not done. A table of a few
-- rows is soonest read as a whole, and sorted, which tells nothing of what it
-- does when it has grown.
SET LOCAL enable_seqscan = off
---
SET LOCAL enable_bitmapscan = off
---
SET LOCAL enable_sort = off
---
EXPLAIN (FORMAT JSON)
WITH ready AS MATERIALIZED (
	SELECT r.:"id" FROM :"table" r
	WHERE
-- include ready.sql
	AND
-- include asked.sql
-- include order.sql
	LIMIT 1
	FOR UPDATE SKIP LOCKED),
running AS MATERIALIZED (
	SELECT r.:"id" FROM :"table" r
	WHERE r.:"state" = :'running'
	ORDER BY r.:"id" LIMIT 1
	FOR UPDATE SKIP LOCKED)
SELECT FROM ready CROSS JOIN running
