SELECT '{"event":"resumed","queue":' || json_quote(p.value) || ',"done":'
	|| iif(q.paused_ms IS NULL, 'false', 'true') || '}'
FROM json_each(?1, '$.queues') p LEFT JOIN queue q ON q.name = p.value
---
UPDATE queue SET paused_ms = NULL
WHERE name IN (SELECT value FROM json_each(?1, '$.queues'))
	AND ?1 ->> '$.dry' IS NOT 1
