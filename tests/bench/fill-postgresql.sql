-- A store that is used for long: jobs ready, a million scheduled, a million
-- finished, each with its text as jobq-push writes it.
INSERT INTO jobq.queue_state (name) VALUES ('default') ON CONFLICT DO NOTHING;
CREATE TEMP TABLE fill AS
SELECT i, 2 AS stage FROM generate_series(1, :ready) i
UNION ALL SELECT i, 1 FROM generate_series(1, 1000000) i
UNION ALL SELECT i, 4 FROM generate_series(1, 1000000) i;
INSERT INTO jobq.job_entry (id, queue, name, pushed_ms, line)
SELECT concat('fill-', stage, '-', lpad(i::text, 8, '0')), 'default', 'default',
	jobq.now_ms(), concat('{"id":"fill-', stage, '-', lpad(i::text, 8, '0'),
	'","input":{"n":', i, '},"meta":{"from":"bench"},"queue":"default",',
	'"name":"default","priority":0,"max_attempts":5')
FROM fill ORDER BY i, stage;
INSERT INTO jobq.job_state (seq, stage, attempt, max_attempts, priority, bytes,
	run_ms, queue, ended_ms, prune_ms)
SELECT seq, left(substr(id, 6), 1)::smallint, 0, 5, 0, octet_length(line),
	pushed_ms + CASE left(substr(id, 6), 1) WHEN '1' THEN 86400000 ELSE 0
	END, 'default',
	CASE left(substr(id, 6), 1) WHEN '4' THEN pushed_ms END,
	CASE left(substr(id, 6), 1) WHEN '4' THEN pushed_ms + 86400000 END
FROM jobq.job_entry ORDER BY seq;
CHECKPOINT;
