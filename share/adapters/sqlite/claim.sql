-- One commit does it all: what comes back is settled, what is due or lapsed
-- is put right (a little at a time), and the next jobs are taken.
DELETE FROM req
---
INSERT INTO req (now, wanted, worker, lease_ms, ring, flow, by_id, by_queue)
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER),
	coalesce(q."limit", 1), q.worker, CAST(1000 * q.lease AS INTEGER),
	q.ring, q.flow, q.ids IS NOT NULL,
	coalesce(json_array_length(q.queues), 0) > 0
FROM request(?1) q
---
-- include settle-fill.sql
---
-- include settle-events.sql
---
-- include retention.sql
---
UPDATE job SET stage = 2 WHERE seq IN (SELECT seq
	FROM job INDEXED BY job_due
	WHERE stage = 1 AND run_ms <= (SELECT now FROM req)
	ORDER BY run_ms LIMIT 500)
---
-- include lapse.sql
---
DELETE FROM queues
---
INSERT OR IGNORE INTO queues
SELECT name FROM queue, req r WHERE paused_ms IS NULL AND (NOT r.by_queue
	OR name IN (SELECT value FROM json_each(?1, '$.queues')))
---
-- For the doctor and the why-line; not at each claim, to spare a page.
UPDATE queue SET claimed_ms = (SELECT now FROM req)
WHERE name IN (SELECT name FROM queues)
	AND NOT (SELECT by_id FROM req)
	AND coalesce(claimed_ms, 0) < (SELECT now FROM req) - 1000
---
DELETE FROM take
---
-- only ids
INSERT INTO take
SELECT j.seq, j.bytes
FROM json_each(?1, '$.ids') i CROSS JOIN job j ON j.id = i.value
WHERE j.stage = 2 AND j.queue IN (SELECT name FROM queues)
	AND (j.expires_ms IS NULL OR j.expires_ms > (SELECT now FROM req))
GROUP BY j.seq ORDER BY min(i.key) LIMIT (SELECT wanted FROM req)
---
-- only flow
-- Of the jobs that were rescued twice a worker has one at a time: a job that
-- kills its runner would take the same companions with it each time, until
-- they failed with it.
INSERT INTO take
SELECT seq, bytes FROM (SELECT j.seq, j.bytes, j.priority
	FROM req r CROSS JOIN job j
	WHERE r.flow IS NOT NULL AND NOT r.by_id AND j.flow = r.flow
		AND j.stage = 2 AND j.rescues < 2
		AND j.queue IN (SELECT name FROM queues)
		AND (j.expires_ms IS NULL OR j.expires_ms > r.now)
	UNION ALL
	SELECT * FROM (SELECT j.seq, j.bytes, j.priority
		FROM req r CROSS JOIN job j
		WHERE r.flow IS NOT NULL AND NOT r.by_id AND j.flow = r.flow
			AND j.stage = 2 AND j.rescues >= 2
			AND j.queue IN (SELECT name FROM queues)
			AND (j.expires_ms IS NULL OR j.expires_ms > r.now)
			AND NOT EXISTS (SELECT 1
				FROM job h INDEXED BY job_lease
				WHERE h.stage = 3 AND h.worker = r.worker
					AND h.rescues >= 2)
		ORDER BY j.priority DESC, j.seq LIMIT 1))
ORDER BY priority DESC, seq LIMIT (SELECT wanted FROM req)
---
-- The first of each queue by its index, then the first of them all: neither
-- the length of a queue nor a paused one in front of the others costs
-- anything.
INSERT INTO take
SELECT j.seq, j.bytes FROM req r CROSS JOIN queues q CROSS JOIN job j
WHERE r.flow IS NULL AND NOT r.by_id
	AND (SELECT count(*) FROM queues) <= 8 AND j.seq IN (SELECT f.seq
	FROM job f INDEXED BY job_ready
	WHERE f.stage = 2 AND f.rescues < 2 AND f.queue = q.name
		AND (f.expires_ms IS NULL OR f.expires_ms > r.now)
	ORDER BY f.priority DESC, f.seq LIMIT (SELECT wanted FROM req))
ORDER BY j.priority DESC, j.seq LIMIT (SELECT wanted FROM req)
---
-- Of many queues the same by merging: the recursion's queue holds the next of
-- each, so that as many are read as are taken and no more. For few queues
-- that is slower, as it looks each job up by itself.
INSERT INTO take
WITH RECURSIVE next (seq, queue, priority) AS (
	SELECT j.seq, j.queue, j.priority
	FROM req r CROSS JOIN queues q CROSS JOIN job j
	WHERE r.flow IS NULL AND NOT r.by_id
		AND (SELECT count(*) FROM queues) > 8
		AND j.seq = (SELECT f.seq FROM job f INDEXED BY job_ready
		WHERE f.stage = 2 AND f.rescues < 2 AND f.queue = q.name
			AND (f.expires_ms IS NULL OR f.expires_ms > r.now)
		ORDER BY f.priority DESC, f.seq LIMIT 1)
	UNION ALL
	SELECT j.seq, j.queue, j.priority
	FROM next n CROSS JOIN req r CROSS JOIN job j
	WHERE j.seq = coalesce(
		(SELECT f.seq FROM job f INDEXED BY job_ready
		WHERE f.stage = 2 AND f.rescues < 2 AND f.queue = n.queue
			AND f.priority = n.priority AND f.seq > n.seq
			AND (f.expires_ms IS NULL OR f.expires_ms > r.now)
		ORDER BY f.seq LIMIT 1),
		(SELECT f.seq FROM job f INDEXED BY job_ready
		WHERE f.stage = 2 AND f.rescues < 2 AND f.queue = n.queue
			AND f.priority < n.priority
			AND (f.expires_ms IS NULL OR f.expires_ms > r.now)
		ORDER BY f.priority DESC, f.seq LIMIT 1))
	ORDER BY 3 DESC, 1 LIMIT (SELECT wanted FROM req))
SELECT seq, (SELECT bytes FROM job j WHERE j.seq = next.seq) FROM next
---
INSERT OR IGNORE INTO take
SELECT j.seq, j.bytes FROM req r CROSS JOIN queues q CROSS JOIN job j
	INDEXED BY job_apart
WHERE r.flow IS NULL AND NOT r.by_id AND r.wanted > 0 AND j.stage = 2
	AND j.rescues >= 2 AND j.queue = q.name
	AND (j.expires_ms IS NULL OR j.expires_ms > r.now)
	AND NOT EXISTS (SELECT 1 FROM job h INDEXED BY job_lease
		WHERE h.stage = 3 AND h.worker = r.worker AND h.rescues >= 2)
ORDER BY j.priority DESC, j.seq LIMIT 1
---
DELETE FROM take
WHERE (SELECT count(*) FROM take) > (SELECT wanted FROM req)
	AND +job = (SELECT j.seq FROM take t CROSS JOIN job j ON j.seq = t.job
		ORDER BY j.priority, j.seq DESC LIMIT 1)
---
-- An answer is at most 4 MiB, but never less than one job.
DELETE FROM take
WHERE (SELECT sum(bytes) FROM take) > 4194304
	AND +job IN (SELECT seq FROM (SELECT j.seq,
		sum(j.bytes) OVER w AS bytes, row_number() OVER w AS row
		FROM take t CROSS JOIN job j ON j.seq = t.job
		WINDOW w AS (ORDER BY j.priority DESC, j.seq
			ROWS UNBOUNDED PRECEDING))
		WHERE bytes > 4194304 AND row > 1)
---
UPDATE req SET wanted = (SELECT count(*) FROM take) WHERE changes() > 0
---
UPDATE job SET stage = 3, epoch = epoch + 1, attempt = attempt + 1,
	worker = r.worker, lease_ms = r.lease_ms,
	lease_until = r.now + r.lease_ms, claimed_ms = r.now,
	renewed_ms = r.now, heard_ms = r.now, started_ms = NULL,
	settled = NULL, cancel = NULL
FROM req r WHERE job.seq IN (SELECT job FROM take)
---
-- include settle-answer.sql
---
-- only ring
-- A poison job that failed just now, so that its ring knows.
SELECT line || '}' FROM lapsed WHERE stage = 6 ORDER BY job
---
-- only held
SELECT '{"event":"stop","id":"' || h.id || '","epoch":' || h.epoch
	|| ',"reason":"' || iif(j.seq IS NULL, 'lost', 'cancel') || '"}'
FROM request(?1) q CROSS JOIN pairs(q.held) h
	LEFT JOIN job j ON j.id = h.id AND j.epoch = h.epoch
		AND j.worker = q.worker AND j.stage = 3
WHERE j.seq IS NULL OR j.cancel IS NOT NULL
---
SELECT b.line || ',"attempt":' || j.attempt || ',"run_at":"'
	|| strftime('%Y-%m-%dT%H:%M:%fZ', j.run_ms / 1000.0, 'unixepoch')
	|| '","state":"running","lease":{"epoch":' || j.epoch || ',"worker":'
	|| (SELECT json_quote(worker) || CASE WHEN lease_ms IS NULL THEN ''
		ELSE ',"seconds":' || json_quote(CASE lease_ms % 1000
			WHEN 0 THEN lease_ms / 1000
			ELSE lease_ms / 1000.0 END) END
		|| CASE WHEN ring THEN ',"ring":true' ELSE '' END FROM req)
	|| '}}'
FROM take t CROSS JOIN job j ON j.seq = t.job CROSS JOIN body b
	ON b.job = t.job
ORDER BY j.priority DESC, j.seq
---
-- include claim-idle.sql
