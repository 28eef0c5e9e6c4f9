-- The state of the row r.
CASE WHEN r.:"state" = :'pending' THEN 'pending'
	WHEN r.:"state" = :'running' THEN 'running'
	WHEN r.:"state" = :'completed' THEN 'completed'
	WHEN r.:"state" = :'failed' THEN 'failed' END
