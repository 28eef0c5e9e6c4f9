-- Issues whose worker has been silent for longer than a lease, of whatever
-- kind it was: they are pending again, a hundred at a time.
--
-- The columns are local times. Read as such, an hour that a change of the
-- clocks leaves out does not count; one that comes twice counts as the later.
lapsed AS (
	UPDATE cape_issues c SET status = 'pending',
		assigned_worker_id = NULL, started_at = NULL,
		updated_at = CASE WHEN keeps.attempts THEN LOCALTIMESTAMP
			ELSE c.created_at END
	FROM keeps
	WHERE c.id = ANY (ARRAY(SELECT s.id FROM cape_issues s
		WHERE ($1::json ->> 'limit')::integer > 0
			AND s.status = 'started' AND CASE WHEN :'heartbeat' = '1'
			THEN greatest(s.started_at, s.updated_at)
			ELSE coalesce(s.started_at, s.updated_at)
			END::timestamptz < clock_timestamp() - make_interval(
				secs => CASE WHEN :'heartbeat' = '1'
				THEN ($1::json ->> 'lease')::double precision
				ELSE greatest(3660, ($1::json ->> 'lease')
					::double precision) END)
		ORDER BY s.id LIMIT 100 FOR UPDATE SKIP LOCKED))
	RETURNING c.id)
