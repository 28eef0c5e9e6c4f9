-- Nothing has lapsed or expired: a row that says nothing ends it here.
WITH r AS MATERIALIZED (SELECT
	CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
		AS now)
SELECT NULL FROM r
WHERE NOT EXISTS (SELECT 1 FROM job WHERE stage = 3 AND lease_until < r.now)
	AND NOT EXISTS (SELECT 1 FROM job WHERE expires_ms IS NOT NULL
		AND stage < 3 AND expires_ms <= r.now)
