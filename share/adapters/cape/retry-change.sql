-- What waits is due at once, and what has ended without being completed
-- begins anew.
named AS MATERIALIZED (SELECT u.id, min(u.o) AS o, CASE
			WHEN u.id ~ '^(0|[1-9][0-9]{0,9})$'
			THEN u.id::bigint END AS issue
	FROM json_array_elements_text($1::json -> 'ids')
		WITH ORDINALITY u (id, o)
	GROUP BY u.id),
mine AS MATERIALIZED (SELECT c.id, c.status FROM cape_issues c
	WHERE c.id = ANY (ARRAY(SELECT issue FROM named))
	ORDER BY c.id FOR UPDATE),
changed AS (UPDATE cape_issues c SET status = 'pending',
		assigned_worker_id = NULL, started_at = NULL,
		updated_at = CASE WHEN keeps.attempts THEN LOCALTIMESTAMP
			ELSE c.created_at END
	FROM keeps
	WHERE c.id IN (SELECT id FROM mine)
		AND c.status NOT IN ('started', 'completed')
	RETURNING c.id)
