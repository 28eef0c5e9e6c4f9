-- A dry run lets nothing lapse, for nothing has before the year 1970.
DELETE FROM req
---
INSERT INTO req (now, wanted)
SELECT iif(?1 ->> '$.dry' IS 1, 0, now), now
FROM (SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0)
	AS INTEGER) AS now)
---
-- include lapse.sql
---
SELECT line || '}' FROM lapsed ORDER BY job
---
SELECT '{"event":"' || CASE
		WHEN j.stage < 3 OR j.cancel IS NOT NULL THEN 'cancelled'
		WHEN j.started_ms IS NULL OR j.rescues < 3 THEN 'released'
		ELSE 'failed' END
	|| '","id":"' || j.id || '","reason":' || json_quote(CASE
		WHEN j.stage < 3 THEN 'expired'
		WHEN j.cancel IS NOT NULL THEN j.cancel
		WHEN j.started_ms IS NULL OR j.rescues < 3 THEN 'lost'
		ELSE 'crash' END) || '}'
FROM req r CROSS JOIN job j
WHERE ?1 ->> '$.dry' IS 1 AND j.seq IN (
	SELECT seq FROM job WHERE stage = 3 AND lease_until < r.wanted
	UNION ALL
	SELECT seq FROM job WHERE expires_ms IS NOT NULL AND stage < 3
		AND expires_ms <= r.wanted)
ORDER BY j.seq LIMIT 500
