UPDATE ev SET
	holds = j.epoch = ev.epoch AND j.worker = ev.worker AND j.stage = 3,
	repeats = j.epoch = ev.epoch AND j.worker = ev.worker
		AND j.settled = ev.event
FROM job j WHERE j.seq = ev.job AND j.id = ev.id
---
DELETE FROM fold
---
-- What an ending makes of its job. A job whose cancelling was asked for does
-- not wait for another attempt.
INSERT INTO fold
SELECT g.job, g.started, g.i, e.event, e.reason, e.error, CASE
		WHEN g.i IS NULL THEN NULL
		WHEN e.event = 'completed' THEN 4
		WHEN e.event = 'cancelled' THEN 5
		WHEN (e.event = 'failed' AND (e.retry IS 0
				OR j.attempt >= j.max_attempts))
			OR (e.event = 'snoozed' AND j.snoozes >= 100
				AND j.attempt >= j.max_attempts) THEN 6
		WHEN j.cancel IS NOT NULL THEN 5
		WHEN e.event = 'released' THEN 2
		ELSE 1 END,
	CASE WHEN e.event = 'released' THEN j.run_ms
		WHEN e.retry_after_ms IS NOT NULL THEN r.now + e.retry_after_ms
		WHEN e.event = 'snoozed' THEN r.now + 60000
		WHEN e.event = 'failed' THEN r.now + min(3600000,
			CAST(15000 * (1 << min(j.attempt - 1, 20))
			* (0.9 + abs(random() % 2001) / 10000.0) AS INTEGER))
		END,
	e.event = 'released' OR (e.event = 'snoozed' AND j.snoozes < 100),
	e.event = 'snoozed'
FROM req r CROSS JOIN (SELECT job, max(event = 'started') AS started,
		min(CASE WHEN ending THEN i END) AS i
	FROM ev WHERE holds AND event <> 'alive' GROUP BY job) g
	CROSS JOIN job j ON j.seq = g.job LEFT JOIN ev e ON e.i = g.i
---
-- The log keeps each event once, however often it is sent.
INSERT OR IGNORE INTO event (job, epoch, n, line)
SELECT e.job, e.epoch, e.n, CASE
	WHEN f.i IS NOT e.i THEN e.line
	ELSE e.line || ',"state":"' || CASE
		WHEN f.stage IN (1, 2) THEN 'pending","run_at":"'
			|| strftime('%Y-%m-%dT%H:%M:%fZ', f.run_ms / 1000.0,
				'unixepoch')
		WHEN f.stage = 4 THEN 'completed'
		WHEN f.stage = 5 THEN 'cancelled'
		ELSE 'failed' END || '"' END
FROM ev e CROSS JOIN fold f ON f.job = e.job
WHERE e.holds AND (f.i IS NULL OR e.i <= f.i) AND e.event <> 'alive'
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
DELETE FROM named
---
INSERT INTO named
SELECT e.i, a.i, a.id, a.epoch, j.seq, j.started_ms IS NOT NULL,
	j.started_ms IS NULL OR e.waiting IS NOT 1
FROM ev e CROSS JOIN pairs(e.jobs) a LEFT JOIN job j ON j.id = a.id
	AND j.epoch = a.epoch AND j.worker = e.worker AND j.stage = 3
WHERE e.event = 'alive'
---
UPDATE job SET lease_until = r.now + job.lease_ms, renewed_ms = r.now
FROM req r WHERE job.seq IN (SELECT job FROM named WHERE renews)
