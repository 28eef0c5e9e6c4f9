-- Leases that ran out and jobs that expired, together no more than a page. A lapse
-- before the start gives the attempt back and is no rescue; the fourth
-- rescue would be the poison job's, which fails instead.
DELETE FROM lapsed
---
INSERT INTO lapsed (job, stage, event, reason, error, back, rescue)
SELECT j.seq,
	CASE WHEN j.cancel IS NOT NULL THEN 5
		WHEN j.started_ms IS NULL OR j.rescues < 3 THEN 2 ELSE 6 END,
	CASE WHEN j.cancel IS NOT NULL THEN 'cancelled'
		WHEN j.started_ms IS NULL OR j.rescues < 3 THEN 'released'
		ELSE 'failed' END,
	CASE WHEN j.cancel IS NOT NULL THEN j.cancel
		WHEN j.started_ms IS NULL OR j.rescues < 3 THEN 'lost'
		ELSE 'crash' END,
	CASE WHEN j.cancel IS NULL AND j.started_ms IS NOT NULL
		AND j.rescues >= 3 THEN 'crashed 4 times: its worker was gone'
		|| ' each time before it ended' END,
	j.cancel IS NULL AND (j.started_ms IS NULL OR j.rescues < 3),
	j.cancel IS NULL AND j.started_ms IS NOT NULL AND j.rescues < 3
FROM req r CROSS JOIN job j INDEXED BY job_lease
WHERE j.stage = 3 AND j.lease_until < r.now
ORDER BY j.lease_until LIMIT 100
---
INSERT INTO lapsed (job, stage, event, reason, back, rescue)
SELECT j.seq, 5, 'cancelled', 'expired', 0, 0
FROM req r CROSS JOIN job j INDEXED BY job_expiry
WHERE j.expires_ms IS NOT NULL AND j.stage < 3 AND j.expires_ms <= r.now
ORDER BY j.expires_ms LIMIT 400
---
-- include lapsed-apply.sql
