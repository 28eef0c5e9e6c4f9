WITH r AS MATERIALIZED (SELECT
	CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
		AS now,
	coalesce(?1 ->> '$.limit', 1) AS wanted, ?1 ->> '$.flow' AS flow,
	?1 ->> '$.worker' AS worker,
	coalesce(json_array_length(?1, '$.queues'), 0) > 0 AS by_queue)
