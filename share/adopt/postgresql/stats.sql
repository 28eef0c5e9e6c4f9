-- The verb stats, a line for each queue. It reads the whole table.
SELECT concat('{"queue":', to_json(s.queue), ',"blocked":0,"scheduled":',
	s.waiting - s.ready, ',"ready":', s.ready, ',"running":', s.running,
	',"completed":', s.completed, ',"cancelled":0,"failed":', s.failed,
	'}')
FROM (SELECT
--if queue
		coalesce(r.:"queue"::text, 'default') AS queue,
--else
		'default' AS queue,
--end
		count(*) FILTER (WHERE r.:"state" = :'pending') AS waiting,
		count(*) FILTER (WHERE
-- include ready.sql
		) AS ready,
		count(*) FILTER (WHERE r.:"state" = :'running') AS running,
		count(*) FILTER (WHERE r.:"state" = :'completed') AS completed,
		count(*) FILTER (WHERE r.:"state" = :'failed') AS failed
	FROM :"table" r
	WHERE
-- include asked.sql
	GROUP BY 1) s
ORDER BY s.queue
