-- No job at all: a row that says nothing ends it here.
SELECT NULL WHERE NOT EXISTS (SELECT 1 FROM job)
---
-- only by ready
-- Nothing is ready: the same.
SELECT NULL
WHERE NOT EXISTS (SELECT 1 FROM job WHERE stage = 2 AND rescues < 2)
	AND NOT EXISTS (SELECT 1 FROM job WHERE stage = 2 AND rescues >= 2)
	AND NOT EXISTS (SELECT 1 FROM job INDEXED BY job_due
		WHERE stage = 1 AND run_ms <= CAST(round(
			(julianday('now') - 2440587.5) * 86400000.0) AS INTEGER))
