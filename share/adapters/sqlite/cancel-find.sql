-- The jobs of the request, and what each is now.
DELETE FROM ev
---
INSERT INTO ev (i, id, job, holds, reason, repeats)
SELECT min(c.key), c.value, j.seq, j.stage,
	coalesce(?1 ->> '$.reason', 'cancel'), j.cancel IS NOT NULL
FROM json_each(?1, '$.ids') c LEFT JOIN job j ON j.id = c.value
GROUP BY c.value
