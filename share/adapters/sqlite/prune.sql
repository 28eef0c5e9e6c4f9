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
SELECT seq FROM job WHERE prune_ms IS NOT NULL
	AND CASE WHEN ?1 ->> '$.older_ms' IS NULL
		THEN prune_ms <= (SELECT now FROM req)
		ELSE ended_ms <= (SELECT now FROM req) - (?1 ->> '$.older_ms') END
ORDER BY prune_ms LIMIT (SELECT wanted FROM req)
---
SELECT '{"event":"pruned","id":"' || id || '"}' FROM job
WHERE seq IN (SELECT job FROM gone) AND ?1 ->> '$.dry' IS 1
---
DELETE FROM gone WHERE ?1 ->> '$.dry' IS 1
---
SELECT '{"event":"pruned","id":"' || id || '"}' FROM job
WHERE seq IN (SELECT job FROM gone)
---
-- include delete-gone.sql
