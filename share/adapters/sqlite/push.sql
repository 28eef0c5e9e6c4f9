DELETE FROM pushed
---
INSERT INTO pushed
SELECT p.*, NULL FROM request_jobs(?1) p
---
DELETE FROM req
---
-- wanted: what has a greater seq is new.
INSERT INTO req (now, wanted)
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER),
	coalesce((SELECT max(seq) FROM job), 0)
---
INSERT OR IGNORE INTO queue (name) SELECT DISTINCT queue FROM pushed
---
-- A job whose id is there, or whose key an unfinished one has, changes
-- nothing: the unique indexes decide, also within the batch.
INSERT OR IGNORE INTO job (id, queue, name, stage, priority, attempt,
	max_attempts, run_ms, pushed_ms, bytes, expires_ms, key, flow)
SELECT p.id, p.queue, p.name,
	CASE WHEN EXISTS (SELECT 1 FROM json_each(p.needs) n
			WHERE NOT EXISTS (SELECT 1 FROM job d
				WHERE d.id = n.value AND d.stage = 4)) THEN 0
		ELSE 1 + (coalesce(p.run_ms, 0) <= r.now) END,
	p.priority, 0, p.max_attempts, coalesce(p.run_ms, r.now), r.now,
	length(CAST(p.line AS BLOB)), p.expires_ms, p.key, p.flow
FROM pushed p, req r ORDER BY p.i
---
UPDATE pushed SET job = (SELECT j.seq FROM job j WHERE j.id = pushed.id)
---
-- Of two lines with one new id the first counts.
INSERT OR IGNORE INTO body
SELECT p.job, p.line FROM pushed p, req r WHERE p.job > r.wanted ORDER BY p.i
---
INSERT OR IGNORE INTO need
SELECT n.value, p.job FROM pushed p, req r, json_each(p.needs) n
WHERE p.needs IS NOT NULL AND p.job > r.wanted
	AND p.i = (SELECT min(f.i) FROM pushed f WHERE f.id = p.id)
	AND NOT EXISTS (SELECT 1 FROM job d
		WHERE d.id = n.value AND d.stage = 4)
---
SELECT b.line || ',"attempt":' || j.attempt || ',"run_at":"'
	|| strftime('%Y-%m-%dT%H:%M:%fZ', j.run_ms / 1000.0, 'unixepoch')
	|| '","state":"' || CASE j.stage WHEN 0 THEN 'blocked'
		WHEN 1 THEN 'pending' WHEN 2 THEN 'pending'
		WHEN 3 THEN 'running' WHEN 4 THEN 'completed'
		WHEN 5 THEN 'cancelled' ELSE 'failed' END || '"}'
FROM pushed p CROSS JOIN job j ON j.seq = coalesce(p.job,
	(SELECT seq FROM job WHERE queue = p.queue AND key = p.key
		AND key IS NOT NULL AND stage < 4))
	CROSS JOIN body b ON b.job = j.seq
ORDER BY p.i
