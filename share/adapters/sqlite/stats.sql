-- One line a queue. It reads the whole table, so it is for people and
-- monitors, never for a loop.
WITH now AS MATERIALIZED (SELECT
	CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
		AS ms),
counted AS (SELECT queue, sum(stage = 0) AS blocked,
	sum(stage = 1 AND run_ms > now.ms) AS scheduled,
	sum(stage = 2 OR (stage = 1 AND run_ms <= now.ms)) AS ready,
	sum(stage = 3) AS running, sum(stage = 4) AS completed,
	sum(stage = 5) AS cancelled, sum(stage = 6) AS failed,
	min(CASE WHEN stage = 2 OR (stage = 1 AND run_ms <= now.ms)
		THEN max(run_ms, pushed_ms) END) AS oldest
	FROM job, now GROUP BY queue)
SELECT '{"queue":' || json_quote(q.name)
	|| ',"blocked":' || coalesce(blocked, 0)
	|| ',"scheduled":' || coalesce(scheduled, 0)
	|| ',"ready":' || coalesce(ready, 0)
	|| ',"running":' || coalesce(running, 0)
	|| ',"completed":' || coalesce(completed, 0)
	|| ',"cancelled":' || coalesce(cancelled, 0)
	|| ',"failed":' || coalesce(failed, 0)
	|| coalesce(',"oldest_ready":'
		|| max(0, round((now.ms - oldest) / 1000.0, 3)), '')
	|| coalesce(',"claimed_at":"' || strftime('%Y-%m-%dT%H:%M:%fZ',
		q.claimed_ms / 1000.0, 'unixepoch') || '"', '')
	|| coalesce(',"paused_at":"' || strftime('%Y-%m-%dT%H:%M:%fZ',
		q.paused_ms / 1000.0, 'unixepoch') || '"', '')
	|| '}'
FROM queue q, now LEFT JOIN counted c ON c.queue = q.name
WHERE coalesce(json_array_length(?1, '$.queues'), 0) = 0
	OR q.name IN (SELECT value FROM json_each(?1, '$.queues'))
ORDER BY q.name
