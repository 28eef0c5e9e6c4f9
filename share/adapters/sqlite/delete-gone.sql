UPDATE meta SET value = max(value, coalesce((SELECT max(e.seq)
	FROM gone g CROSS JOIN event e ON e.job = g.job), 0))
WHERE name = 'pruned_seq' AND EXISTS (SELECT 1 FROM gone)
---
DELETE FROM event WHERE seq IN (SELECT e.seq
	FROM gone g CROSS JOIN event e ON e.job = g.job)
---
DELETE FROM body WHERE job IN (SELECT job FROM gone)
---
DELETE FROM need WHERE job IN (SELECT job FROM gone)
---
DELETE FROM job WHERE seq IN (SELECT job FROM gone)
