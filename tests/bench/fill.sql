-- A store that is used for long: a million jobs ready, a million scheduled, a
-- million finished, mixed row by row, each with its text as jobq-push writes it.
BEGIN;
INSERT OR IGNORE INTO queue (name) VALUES ('default');
INSERT INTO job (id, queue, name, stage, priority, attempt, max_attempts,
	run_ms, pushed_ms, bytes, ended_ms, prune_ms)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000),
	t AS MATERIALIZED (SELECT CAST((julianday('now') - 2440587.5) * 86400000
		AS INTEGER) AS now)
SELECT printf('fill-%08d', i), 'default', 'default', 1 + i % 3 + (i % 3 = 2), 0,
	i % 3 = 2, 5, now + (i % 3 = 0) * 86400000, now, 140,
	CASE i % 3 WHEN 2 THEN now END, CASE i % 3 WHEN 2 THEN now + 86400000 END
FROM n, t;
INSERT INTO body (job, line)
SELECT seq, '{"id":"' || id || '","input":{"n":' || seq
	|| '},"meta":{"from":"bench"},"queue":"default","name":"default",'
	|| '"priority":0,"max_attempts":5'
FROM job WHERE id LIKE 'fill-%';
COMMIT;
PRAGMA wal_checkpoint(TRUNCATE);
