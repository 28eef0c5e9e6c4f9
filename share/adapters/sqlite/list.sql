-- A page of jobs: `by` names the index to walk, every other member narrows.
-- (A statement that begins with "-- only by X" is prepared and run for
-- requests with that `by` alone.)
-- The cursor is "SEQ", or "PRIORITY,SEQ" in the order of claims.
DELETE FROM asked
---
INSERT INTO asked
SELECT r.now, coalesce(q."limit", 500), coalesce(q.by, 'all'),
	CASE q.state WHEN 'pending' THEN 1 WHEN 'running' THEN 3
		WHEN 'completed' THEN 4 WHEN 'cancelled' THEN 5
		WHEN 'failed' THEN 6 ELSE 0 END,
	CASE q.state WHEN 'blocked' THEN 0 WHEN 'pending' THEN 2
		WHEN 'running' THEN 3 WHEN 'completed' THEN 4
		WHEN 'cancelled' THEN 5 ELSE 6 END,
	coalesce(json_array_length(q.queues), 0) > 0, q.name, q.flow, q.key,
	r.now - q.older_ms, q.stuck_ms,
	coalesce(CAST(substr(q.after, instr(q.after, ',') + 1) AS INTEGER), 0),
	iif(instr(q.after, ','), CAST(q.after AS INTEGER), 9223372036854775807),
	q.why
FROM request_list(?1) q, (SELECT CAST(round((julianday('now') - 2440587.5)
	* 86400000.0) AS INTEGER) AS now) r
---
DELETE FROM queues
---
-- only queues
INSERT OR IGNORE INTO queues
SELECT name FROM queue
WHERE name IN (SELECT value FROM json_each(?1, '$.queues'))
---
-- only by ready
-- What is ready is looked for queue by queue: none named are all.
INSERT OR IGNORE INTO queues
SELECT q.name FROM queue q, asked a WHERE NOT a.by_queue
---
DELETE FROM page
---
-- only by ready
-- What a worker could take now: the queues merged, each from its first job
-- behind the cursor on (the rest of the cursor's priority, then the lower
-- ones), so that a page reads what it holds however many queues there are;
-- then what is due.
INSERT INTO page (job, priority)
WITH RECURSIVE next (seq, queue, priority) AS (
	SELECT j.seq, j.queue, j.priority
	FROM asked a CROSS JOIN queue q CROSS JOIN job j
	WHERE a.by = 'ready' AND q.paused_ms IS NULL
		AND q.name IN (SELECT name FROM queues)
		AND j.seq = coalesce((SELECT f.seq
			FROM job f INDEXED BY job_ready
			WHERE f.stage = 2 AND f.rescues < 2
				AND f.queue = q.name
				AND f.priority = a.after_priority
				AND f.seq > a.after
				AND (f.expires_ms IS NULL OR f.expires_ms > (SELECT now FROM asked))
			ORDER BY f.seq LIMIT 1), (SELECT f.seq
			FROM job f INDEXED BY job_ready
			WHERE f.stage = 2 AND f.rescues < 2
				AND f.queue = q.name
				AND f.priority < a.after_priority
				AND (f.expires_ms IS NULL OR f.expires_ms > (SELECT now FROM asked))
			ORDER BY f.priority DESC, f.seq LIMIT 1))
	UNION ALL
	SELECT j.seq, j.queue, j.priority
	FROM next n CROSS JOIN job j
	WHERE j.seq = coalesce((SELECT f.seq
			FROM job f INDEXED BY job_ready
			WHERE f.stage = 2 AND f.rescues < 2 AND f.queue = n.queue
				AND f.priority = n.priority
				AND f.seq > n.seq
				AND (f.expires_ms IS NULL OR f.expires_ms > (SELECT now FROM asked))
			ORDER BY f.seq LIMIT 1), (SELECT f.seq
			FROM job f INDEXED BY job_ready
			WHERE f.stage = 2 AND f.rescues < 2 AND f.queue = n.queue
				AND f.priority < n.priority
				AND (f.expires_ms IS NULL OR f.expires_ms > (SELECT now FROM asked))
			ORDER BY f.priority DESC, f.seq LIMIT 1))
	ORDER BY 3 DESC, 1 LIMIT (SELECT wanted FROM asked))
SELECT seq, priority FROM (
	SELECT seq, priority FROM next
	UNION ALL
	SELECT j.seq, j.priority
	FROM asked a CROSS JOIN queue q CROSS JOIN job j INDEXED BY job_apart
	WHERE a.by = 'ready' AND q.paused_ms IS NULL
		AND q.name IN (SELECT name FROM queues)
		AND j.stage = 2 AND j.rescues >= 2 AND j.queue = q.name
		AND (j.expires_ms IS NULL OR j.expires_ms > a.now)
		AND (j.priority < a.after_priority
			OR (j.priority = a.after_priority AND j.seq > a.after))
	UNION ALL
	SELECT j.seq, j.priority FROM asked a CROSS JOIN job j INDEXED BY job_due
	WHERE a.by = 'ready' AND j.stage = 1 AND j.run_ms <= a.now
		AND (j.expires_ms IS NULL OR j.expires_ms > a.now)
		AND (j.priority < a.after_priority
			OR (j.priority = a.after_priority AND j.seq > a.after))
		AND j.queue IN (SELECT name FROM queues)
		AND j.queue NOT IN (SELECT name FROM queue
			WHERE paused_ms IS NOT NULL)
) ORDER BY priority DESC, seq LIMIT (SELECT wanted FROM asked)
---
-- only by ids
INSERT INTO page (job)
SELECT j.seq FROM asked a CROSS JOIN json_each(?1, '$.ids') i
	CROSS JOIN job j ON j.id = i.value
WHERE a.by = 'ids' AND j.seq > a.after AND j.stage BETWEEN a.low AND a.high
	AND (NOT a.by_queue OR j.queue IN (SELECT name FROM queues))
GROUP BY j.seq ORDER BY j.seq LIMIT (SELECT wanted FROM asked)
---
-- only by tail
-- An id may be asked for by its tail, too; a second job says that the tail is
-- ambiguous.
INSERT INTO page (job)
SELECT j.seq FROM asked a CROSS JOIN job j
WHERE a.by = 'tail' AND length(?1 ->> '$.tail') >= 6
	AND substr(j.id, -length(?1 ->> '$.tail')) = ?1 ->> '$.tail'
LIMIT 2
---
-- only by failed
INSERT INTO page (job)
SELECT j.seq FROM asked a CROSS JOIN job j INDEXED BY job_failed
WHERE a.by = 'failed' AND j.stage = 6 AND j.seq > a.after
	AND a.stuck_ms IS NULL
	AND (NOT a.by_queue OR j.queue IN (SELECT name FROM queues))
	AND (a.name IS NULL OR j.name = a.name)
	AND (a.flow IS NULL OR j.flow = a.flow)
	AND (a.key IS NULL OR j.key = a.key)
	AND (a.before_ms IS NULL OR j.pushed_ms <= a.before_ms)
ORDER BY j.seq LIMIT (SELECT wanted FROM asked)
---
-- only by running
INSERT INTO page (job)
SELECT j.seq FROM asked a CROSS JOIN job j INDEXED BY job_lease
WHERE a.by = 'running' AND j.stage = 3 AND j.seq > a.after
	AND (NOT a.by_queue OR j.queue IN (SELECT name FROM queues))
	AND (a.name IS NULL OR j.name = a.name)
	AND (a.flow IS NULL OR j.flow = a.flow)
	AND (a.key IS NULL OR j.key = a.key)
	AND (a.before_ms IS NULL OR j.pushed_ms <= a.before_ms)
	AND (a.stuck_ms IS NULL OR j.heard_ms <= a.now - a.stuck_ms)
ORDER BY j.seq LIMIT (SELECT wanted FROM asked)
---
-- only by flow
INSERT INTO page (job)
SELECT j.seq FROM asked a CROSS JOIN job j
WHERE a.by = 'flow' AND j.flow = a.flow AND j.seq > a.after
	AND j.stage BETWEEN a.low AND a.high
	AND (NOT a.by_queue OR j.queue IN (SELECT name FROM queues))
	AND (a.name IS NULL OR j.name = a.name)
	AND (a.key IS NULL OR j.key = a.key)
	AND (a.before_ms IS NULL OR j.pushed_ms <= a.before_ms)
	AND (a.stuck_ms IS NULL
		OR (j.stage = 3 AND j.heard_ms <= a.now - a.stuck_ms)
		OR (j.stage < 3 AND max(j.run_ms, j.pushed_ms)
			<= a.now - a.stuck_ms))
ORDER BY j.seq LIMIT (SELECT wanted FROM asked)
---
INSERT INTO page (job)
SELECT j.seq FROM asked a CROSS JOIN job j
WHERE a.by = 'all' AND j.seq > a.after AND j.stage BETWEEN a.low AND a.high
	AND (NOT a.by_queue OR j.queue IN (SELECT name FROM queues))
	AND (a.name IS NULL OR j.name = a.name)
	AND (a.key IS NULL OR j.key = a.key)
	AND (a.before_ms IS NULL OR j.pushed_ms <= a.before_ms)
	AND (a.stuck_ms IS NULL
		OR (j.stage = 3 AND j.heard_ms <= a.now - a.stuck_ms)
		OR (j.stage < 3 AND max(j.run_ms, j.pushed_ms)
			<= a.now - a.stuck_ms))
ORDER BY j.seq LIMIT (SELECT wanted FROM asked)
---
-- A page is at most 4 MiB, but never less than one line.
DELETE FROM page WHERE i IN (SELECT i FROM (SELECT p.i,
	sum(j.bytes) OVER w AS bytes, row_number() OVER w AS row
	FROM page p CROSS JOIN job j ON j.seq = p.job
	WINDOW w AS (ORDER BY p.i ROWS UNBOUNDED PRECEDING))
	WHERE bytes > 4194304 AND row > 1)
---
UPDATE asked SET wanted = (SELECT count(*) FROM page) WHERE changes() > 0
---
-- unless why
SELECT
-- include list-line.sql
	|| '}'
FROM page p CROSS JOIN asked a CROSS JOIN job j ON j.seq = p.job
	CROSS JOIN body b ON b.job = j.seq
ORDER BY p.i
---
-- only why
-- Durations of the reason why are told in the unit that suits them.
WITH unit (below, ms, name) AS (VALUES (120000, 1000, ' s'),
	(7200000, 60000, ' min'), (172800000, 3600000, ' h'),
	(1e18, 86400000, ' d'))
SELECT
-- include list-line.sql
	|| ',"why":' || json_quote(CASE
		WHEN j.stage = 0 THEN 'needs ' || coalesce((SELECT n.id || CASE
			WHEN d.seq IS NULL THEN ', which is not in the store'
			WHEN d.stage = 6 THEN ', which failed'
			WHEN d.stage = 5 THEN ', which was cancelled'
			WHEN d.stage = 3 THEN ', which is running'
			WHEN d.stage = 0 THEN ', which is blocked itself'
			ELSE ', which has not run yet' END
			FROM need n LEFT JOIN job d ON d.id = n.id
			WHERE n.job = j.seq
			ORDER BY d.stage IN (5, 6) DESC, d.seq IS NULL DESC
			LIMIT 1), 'nothing that is left')
		WHEN j.stage IN (1, 2) AND q.paused_ms IS NOT NULL THEN
			'queue ' || j.queue || ' paused since '
			|| strftime('%Y-%m-%d %H:%M:%S', q.paused_ms / 1000.0,
				'unixepoch', 'localtime')
		WHEN j.stage = 1 AND j.run_ms > a.now THEN CASE
			WHEN j.ended_ms IS NOT NULL AND j.settled = 'failed'
			THEN 'attempt ' || j.attempt || ' of ' || j.max_attempts
				|| ' failed' || coalesce(' (' || j.reason || ')', '')
				|| ', tried again in '
			ELSE 'not before ' || strftime('%Y-%m-%d %H:%M:%S',
				j.run_ms / 1000.0, 'unixepoch', 'localtime')
				|| ', in ' END
			|| (SELECT (max(0, j.run_ms - a.now + 999) / ms) || name
				FROM unit WHERE j.run_ms - a.now + 999 < below
				ORDER BY below LIMIT 1)
		WHEN j.stage IN (1, 2) THEN 'ready for '
			|| (SELECT (max(0, a.now
				- max(j.run_ms, j.pushed_ms)) / ms) || name
				FROM unit WHERE a.now
				- max(j.run_ms, j.pushed_ms) < below
				ORDER BY below LIMIT 1)
-- include list-waits.sql
		WHEN j.stage = 3 THEN 'on ' || j.worker
-- include list-lease.sql
			|| ', silent for '
			|| (SELECT (max(0, a.now - j.heard_ms) / ms) || name
				FROM unit WHERE a.now - j.heard_ms < below
				ORDER BY below LIMIT 1)
			|| CASE WHEN j.cancel IS NULL THEN ''
				ELSE ', asked to stop' END
			|| CASE WHEN j.lease_until < a.now
				THEN ', lease run out' ELSE '' END
		WHEN j.stage = 4 THEN 'completed'
		WHEN j.stage = 5 THEN 'cancelled'
			|| coalesce(' (' || j.reason || ')', '')
		ELSE 'failed in attempt ' || j.attempt || ' of '
			|| j.max_attempts || coalesce(' (' || j.reason || ')', '')
			|| coalesce(': ' || j.error, '') END)
	|| '}'
FROM page p CROSS JOIN asked a CROSS JOIN job j ON j.seq = p.job
	CROSS JOIN body b ON b.job = j.seq
	LEFT JOIN queue q ON q.name = j.queue
ORDER BY p.i
---
SELECT '{"event":"page","after":"' || CASE WHEN a.by = 'ready'
	THEN p.priority || ',' || p.job ELSE p.job END || '"}'
FROM asked a, page p
WHERE p.i = (SELECT max(i) FROM page)
	AND (SELECT count(*) FROM page) >= a.wanted
