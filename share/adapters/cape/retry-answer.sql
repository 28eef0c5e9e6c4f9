SELECT concat('{"event":"retry","id":', to_json(n.id), ',"was":"', CASE
		WHEN m.id IS NULL THEN 'unknown'
		WHEN m.status = 'pending' THEN 'pending'
		WHEN m.status = 'started' THEN 'running'
		WHEN m.status = 'completed' THEN 'completed'
		WHEN m.status = :'failed' THEN 'failed'
		ELSE 'cancelled' END, '","done":',
	CASE WHEN h.id IS NULL THEN 'false' ELSE 'true' END, '}')
FROM named n LEFT JOIN mine m ON m.id = n.issue
LEFT JOIN changed h ON h.id = n.issue
ORDER BY n.o
