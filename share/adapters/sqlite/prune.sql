DELETE FROM req
---
INSERT INTO req (now, wanted)
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER),
	coalesce(?1 ->> '$.limit', 500)
---
DELETE FROM gone
---
-- Without older_ms what retention allows; with it all that ended before.
INSERT INTO gone
SELECT seq FROM job WHERE prune_ms IS NOT NULL AND ?1 ->> '$.dry' IS NOT 1
	AND CASE WHEN ?1 ->> '$.older_ms' IS NULL
		THEN prune_ms <= (SELECT now FROM req)
		ELSE ended_ms <= (SELECT now FROM req) - (?1 ->> '$.older_ms') END
ORDER BY prune_ms LIMIT (SELECT wanted FROM req)
---
-- A dry run finds the same jobs on its next page: it goes on behind a cursor.
INSERT INTO gone
SELECT seq FROM job WHERE prune_ms IS NOT NULL AND ?1 ->> '$.dry' IS 1
	AND seq > coalesce(?1 ->> '$.after', 0)
	AND CASE WHEN ?1 ->> '$.older_ms' IS NULL
		THEN prune_ms <= (SELECT now FROM req)
		ELSE ended_ms <= (SELECT now FROM req) - (?1 ->> '$.older_ms') END
ORDER BY seq LIMIT (SELECT wanted FROM req)
---
SELECT '{"event":"pruned","id":"' || id || '"}' FROM job
WHERE seq IN (SELECT job FROM gone)
---
SELECT '{"event":"page","after":' || max(job) || '}' FROM gone
WHERE ?1 ->> '$.dry' IS 1 HAVING count(*) >= (SELECT wanted FROM req)
---
DELETE FROM gone WHERE ?1 ->> '$.dry' IS 1
---
-- include delete-gone.sql
