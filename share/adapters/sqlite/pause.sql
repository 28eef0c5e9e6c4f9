-- A queue that has no job yet can be paused too.
DELETE FROM req
---
INSERT INTO req (now)
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
---
SELECT '{"event":"paused","queue":' || json_quote(p.value) || ',"done":'
	|| iif(q.paused_ms IS NULL, 'true', 'false') || '}'
FROM json_each(?1, '$.queues') p LEFT JOIN queue q ON q.name = p.value
---
INSERT INTO queue (name, paused_ms)
SELECT p.value, r.now FROM json_each(?1, '$.queues') p, req r
WHERE ?1 ->> '$.dry' IS NOT 1
ON CONFLICT (name) DO UPDATE
	SET paused_ms = coalesce(queue.paused_ms, excluded.paused_ms)
