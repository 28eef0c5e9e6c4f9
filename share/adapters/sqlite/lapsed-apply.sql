UPDATE lapsed SET line = '{"event":"' || lapsed.event || '","id":"' || j.id
	|| '"' || CASE WHEN j.stage = 3 THEN ',"epoch":' || j.epoch
		|| ',"worker":' || json_quote(j.worker) ELSE '' END
	|| ',"at":"' || strftime('%Y-%m-%dT%H:%M:%fZ', r.now / 1000.0,
		'unixepoch')
	|| '","reason":' || json_quote(lapsed.reason)
	|| iif(lapsed.error IS NULL, '',
		',"error":' || json_quote(lapsed.error))
	|| ',"state":"' || CASE lapsed.stage WHEN 2 THEN 'pending'
		WHEN 5 THEN 'cancelled' ELSE 'failed' END || '"'
FROM job j, req r WHERE j.seq = lapsed.job
---
INSERT INTO event (job, epoch, n, line)
SELECT l.job, j.epoch, NULL, l.line
FROM lapsed l CROSS JOIN job j ON j.seq = l.job
---
UPDATE job SET stage = l.stage,
	attempt = job.attempt - (l.back AND job.attempt > 0),
	rescues = job.rescues + l.rescue, lease_until = NULL, cancel = NULL,
	settled = NULL, reason = l.reason, error = l.error,
	ended_ms = r.now,
	prune_ms = CASE l.stage WHEN 5 THEN r.now + 86400000
		WHEN 6 THEN r.now + 604800000 END
FROM lapsed l, req r
WHERE job.seq = l.job AND job.seq IN (SELECT job FROM lapsed)
