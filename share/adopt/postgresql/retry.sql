-- The verb retry: what has failed begins anew, what waits is due at once.
WITH asked AS MATERIALIZED (
	SELECT id, min(o) AS o, CASE WHEN id ~ :'id_form'
			THEN id:::{id_type} END AS key
	FROM json_array_elements_text($1::json -> 'ids')
		WITH ORDINALITY t (id, o)
	GROUP BY id),
again AS (
	UPDATE :"table" u SET
--if attempts
		:"attempts" = CASE WHEN u.:"state" = :'failed' THEN 0
			ELSE u.:"attempts" END,
--end
--if run_at
		:"run_at" = now(),
--end
--if finished_at
		:"finished_at" = NULL,
--end
--if updated_at
		:"updated_at" = clock_timestamp(),
--end
		:"state" = :'pending'
	FROM asked a
	WHERE u.:"id" = a.key AND u.:"state" IN (:'failed', :'pending')
	RETURNING a.key)
SELECT concat('{"event":"retry","id":', to_json(a.id), ',"was":"', coalesce(
-- include state.sql
	, 'unknown'), '","done":', CASE
	WHEN a.key IN (SELECT key FROM again) THEN 'true' ELSE 'false' END, '}')
FROM asked a LEFT JOIN :"table" r ON r.:"id" = a.key
ORDER BY a.o
