-- One line a queue. It reads the whole table, so it is for people and
-- monitors, never for a loop. Counting into a small table, not by GROUP BY,
-- sorts nothing and needs no more memory for three million jobs.
DELETE FROM asked
---
INSERT INTO asked (now)
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
---
DELETE FROM counted
---
INSERT INTO counted (queue, blocked, scheduled, ready, running, completed,
	cancelled, failed, oldest)
SELECT queue, stage = 0, stage = 1 AND run_ms > a.now,
	stage = 2 OR (stage = 1 AND run_ms <= a.now),
	stage = 3, stage = 4, stage = 5, stage = 6,
	CASE WHEN stage = 2 OR (stage = 1 AND run_ms <= a.now)
		THEN max(run_ms, pushed_ms) ELSE 9e18 END
FROM asked a CROSS JOIN job
WHERE true
ON CONFLICT (queue) DO UPDATE SET blocked = blocked + excluded.blocked,
	scheduled = scheduled + excluded.scheduled,
	ready = ready + excluded.ready, running = running + excluded.running,
	completed = completed + excluded.completed,
	cancelled = cancelled + excluded.cancelled,
	failed = failed + excluded.failed,
	oldest = min(oldest, excluded.oldest)
---
SELECT '{"queue":' || json_quote(q.name)
	|| ',"blocked":' || coalesce(blocked, 0)
	|| ',"scheduled":' || coalesce(scheduled, 0)
	|| ',"ready":' || coalesce(ready, 0)
	|| ',"running":' || coalesce(running, 0)
	|| ',"completed":' || coalesce(completed, 0)
	|| ',"cancelled":' || coalesce(cancelled, 0)
	|| ',"failed":' || coalesce(failed, 0)
	|| coalesce(',"oldest_ready":'
		|| max(0, round((a.now - nullif(c.oldest, 9e18)) / 1000.0, 3)), '')
	|| coalesce(',"claimed_at":"' || strftime('%Y-%m-%dT%H:%M:%fZ',
		q.claimed_ms / 1000.0, 'unixepoch') || '"', '')
	|| coalesce(',"paused_at":"' || strftime('%Y-%m-%dT%H:%M:%fZ',
		q.paused_ms / 1000.0, 'unixepoch') || '"', '')
	|| '}'
FROM asked a CROSS JOIN queue q LEFT JOIN counted c ON c.queue = q.name
WHERE coalesce(json_array_length(?1, '$.queues'), 0) = 0
	OR q.name IN (SELECT value FROM json_each(?1, '$.queues'))
ORDER BY q.name
