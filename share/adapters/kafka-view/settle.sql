-- What was read of the log: jobs with the time when they were written (push
-- has brought them in), events, and how far each partition was read. Several
-- may read the same log into one view, so what is before a place that was
-- reached already is passed by.
DELETE FROM req
---
INSERT INTO req (now)
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
---
UPDATE job SET pushed_ms = b.born_ms, run_ms = min(run_ms, b.born_ms)
FROM (SELECT value ->> '$.id' AS id, value ->> '$.born_ms' AS born_ms
	FROM json_each(?1, '$.jobs')) b
WHERE job.id = b.id AND job.pushed_ms > b.born_ms
---
DELETE FROM seen
---
INSERT INTO seen
SELECT e.key, e.value ->> '$.event', e.value ->> '$.id',
	e.value ->> '$.epoch', e.value ->> '$.worker', e.value ->> '$.n',
	e.value ->> '$.reason', e.value ->> '$.error', e.value ->> '$.state',
	e.value ->> '$.run_ms', e.value ->> '$.at_ms', e.value ->> '$.line'
FROM json_each(?1, '$.events') e
	LEFT JOIN meta m ON m.name = 'place ' || (e.value ->> '$.place')
WHERE e.value ->> '$.offset' >= coalesce(m.value, 0)
ORDER BY e.key
---
INSERT INTO meta
SELECT 'place ' || (p.value ->> 0), p.value ->> 1
FROM json_each(?1, '$.places') p WHERE true
ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)
---
DELETE FROM ev
---
INSERT INTO ev (i) SELECT i FROM seen
---
-- include retention.sql
