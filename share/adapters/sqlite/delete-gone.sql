UPDATE meta SET value = max(value, coalesce((SELECT max(e.seq)
	FROM gone g CROSS JOIN event e ON e.job = g.job), 0))
WHERE name = 'pruned_seq' AND EXISTS (SELECT 1 FROM gone)
---
-- The last event keeps its number: what comes later must have a greater one.
UPDATE event SET job = 0, epoch = NULL, n = NULL, line = ''
WHERE seq = (SELECT max(seq) FROM event WHERE seq < 9223372036854775807)
	AND job IN (SELECT job FROM gone)
---
DELETE FROM event WHERE seq IN (SELECT e.seq
	FROM gone g CROSS JOIN event e ON e.job = g.job)
---
DELETE FROM event WHERE EXISTS (SELECT 1 FROM gone) AND job = 0 AND +seq <
	(SELECT max(seq) FROM event WHERE seq < 9223372036854775807)
---
DELETE FROM body WHERE job IN (SELECT job FROM gone)
---
DELETE FROM need WHERE job IN (SELECT job FROM gone)
---
DELETE FROM job WHERE seq IN (SELECT job FROM gone)
