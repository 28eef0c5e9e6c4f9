DELETE FROM ev
---
INSERT INTO ev
SELECT e.key, e.value ->> '$.event', e.value ->> '$.id',
	e.value ->> '$.epoch', e.value ->> '$.worker', e.value ->> '$.n',
	e.value ->> '$.reason', e.value ->> '$.retry',
	e.value ->> '$.retry_after_ms', e.value ->> '$.error',
	e.value ->> '$.waiting', e.value -> '$.jobs', e.value ->> '$.line',
	e.value ->> '$.event' IN
		('completed', 'failed', 'cancelled', 'released', 'snoozed'),
	j.seq,
	j.epoch = e.value ->> '$.epoch' AND j.worker = e.value ->> '$.worker'
		AND j.stage = 3,
	j.epoch = e.value ->> '$.epoch' AND j.worker = e.value ->> '$.worker'
		AND j.settled = e.value ->> '$.event',
	NULL
FROM json_each(?1, '$.events') e LEFT JOIN job j ON j.id = e.value ->> '$.id'
---
DELETE FROM fold
---
INSERT INTO fold (job, started, heard, i)
SELECT job, max(event = 'started'), max(i),
	min(CASE WHEN ending THEN i END)
FROM ev WHERE holds AND event <> 'alive' GROUP BY job
---
-- What an ending makes of its job. A job whose cancelling was asked for does
-- not wait for another attempt.
UPDATE fold SET event = e.event, reason = e.reason, error = e.error,
	retry = e.retry, retry_after_ms = e.retry_after_ms,
	back = e.event = 'released'
		OR (e.event = 'snoozed' AND j.snoozes < 100),
	snoozes = (e.event = 'snoozed'),
	stage = CASE
		WHEN e.event = 'completed' THEN 4
		WHEN e.event = 'cancelled' THEN 5
		WHEN (e.event = 'failed' AND (e.retry IS 0
				OR j.attempt >= j.max_attempts))
			OR (e.event = 'snoozed' AND j.snoozes >= 100
				AND j.attempt >= j.max_attempts) THEN 6
		WHEN j.cancel IS NOT NULL THEN 5
		WHEN e.event = 'released' THEN 2
		ELSE 1 END,
	run_ms = CASE
		WHEN e.event = 'released' THEN j.run_ms
		WHEN e.retry_after_ms IS NOT NULL THEN r.now + e.retry_after_ms
		WHEN e.event = 'snoozed' THEN r.now + 60000
		ELSE r.now + min(3600000, CAST(15000 * (1 << min(j.attempt - 1, 20))
			* (0.9 + abs(random() % 2001) / 10000.0) AS INTEGER)) END
FROM ev e, job j, req r
WHERE e.i = fold.i AND j.seq = fold.job
---
UPDATE ev SET settled = CASE
	WHEN ev.job IS NULL OR ev.epoch IS NULL THEN '"unknown"'
	WHEN ev.holds AND (f.i IS NULL OR ev.i <= f.i) THEN 'true'
	WHEN ev.holds AND ev.ending AND ev.event = f.event THEN 'true'
	WHEN ev.repeats THEN 'true'
	WHEN ev.n IS NOT NULL AND NOT ev.ending AND EXISTS (SELECT 1
		FROM event l, job j WHERE j.seq = ev.job
			AND j.worker = ev.worker AND l.job = ev.job
			AND l.epoch = ev.epoch AND l.n = ev.n) THEN 'true'
	ELSE '"stale"' END
FROM (SELECT e.i AS at, fold.i, fold.event FROM ev e
	LEFT JOIN fold ON fold.job = e.job) f
WHERE f.at = ev.i AND ev.event <> 'alive'
---
-- The log keeps each event once, however often it is sent.
INSERT OR IGNORE INTO event (job, epoch, n, line)
SELECT e.job, e.epoch, e.n, e.line || CASE
	WHEN f.stage IS NULL THEN ''
	WHEN f.stage IN (1, 2) THEN ',"state":"pending","run_at":"'
		|| strftime('%Y-%m-%dT%H:%M:%fZ', f.run_ms / 1000.0, 'unixepoch')
		|| '"'
	ELSE ',"state":"' || CASE f.stage WHEN 4 THEN 'completed'
		WHEN 5 THEN 'cancelled' ELSE 'failed' END || '"' END
FROM ev e LEFT JOIN fold f ON f.job = e.job AND f.i = e.i
WHERE e.holds AND e.settled = 'true' AND (f.i = e.i OR NOT e.ending)
	AND e.event <> 'alive'
ORDER BY e.i
---
-- A job without an ending: it has been heard from.
UPDATE job SET heard_ms = r.now, renewed_ms = r.now,
	lease_until = r.now + job.lease_ms,
	started_ms = CASE WHEN f.started AND job.started_ms IS NULL THEN r.now
		ELSE job.started_ms END
FROM fold f, req r
WHERE job.seq = f.job AND f.i IS NULL
	AND job.seq IN (SELECT job FROM fold)
---
UPDATE job SET stage = f.stage, settled = f.event, ended_ms = r.now,
	heard_ms = r.now, error = f.error,
	reason = CASE WHEN f.stage = 5 THEN coalesce(job.cancel, f.reason)
		ELSE f.reason END,
	attempt = job.attempt - (f.back AND job.attempt > 0),
	snoozes = job.snoozes + f.snoozes,
	run_ms = CASE WHEN f.stage < 3 THEN f.run_ms ELSE job.run_ms END,
	lease_until = NULL, cancel = NULL,
	prune_ms = CASE f.stage WHEN 4 THEN r.now + 86400000
		WHEN 5 THEN r.now + 86400000 WHEN 6 THEN r.now + 604800000 END
FROM fold f, req r
WHERE job.seq = f.job AND f.i IS NOT NULL
	AND job.seq IN (SELECT job FROM fold)
---
-- include release.sql
---
-- Renewals: an alive event names its jobs by (id, epoch). One that waits
-- (a claim's, for what it has printed) renews only what has not started.
UPDATE job SET lease_until = r.now + job.lease_ms, renewed_ms = r.now
FROM req r WHERE job.seq IN (SELECT j.seq
	FROM ev e CROSS JOIN json_each(e.jobs) a
		CROSS JOIN job j ON j.id = a.value ->> 0
	WHERE e.event = 'alive' AND j.epoch = a.value ->> 1
		AND j.worker = e.worker AND j.stage = 3
		AND (e.waiting IS NOT 1 OR j.started_ms IS NULL))
