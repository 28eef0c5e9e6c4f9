-- only events
-- The verb claim. What came back from a runner is settled first.
-- include settle-events.sql
---
--if started_at updated_at
-- include lapse.sql
---
--end
-- only held
-- A worker is told what it no longer holds.
SELECT concat('{"event":"stop","id":', to_json(v.id), ',"epoch":', v.epoch,
	',"reason":"lost"}')
FROM (SELECT h ->> 0 AS id, (h ->> 1)::bigint AS epoch,
		$1::json ->> 'worker' AS worker
	FROM json_array_elements($1::json -> 'held') h) v
WHERE NOT EXISTS (SELECT FROM :"table" r
	WHERE r.:"id" = CASE WHEN v.id ~ :'id_form'
			THEN v.id:::{id_type} END
		AND r.:"state" = :'running' AND
-- include holds.sql
	)
---
-- The next rows are taken, those that another claim has locked passed over;
-- or those that are asked for by their ids. Behind them stands what there is
-- to know when there are no more.
WITH taken AS (
	UPDATE :"table" u SET
--if attempts
		:"attempts" = coalesce(u.:"attempts", 0) + 1,
--end
--if epoch
		:"epoch" = coalesce(u.:"epoch", 0) + 1,
--end
--if worker
		:"worker" = $1::json ->> 'worker',
--end
--if started_at
		:"started_at" = clock_timestamp(),
--end
--if finished_at
		:"finished_at" = NULL,
--end
--if updated_at
		:"updated_at" = clock_timestamp(),
--end
		:"state" = :'running'
	WHERE u.:"id" = ANY (ARRAY(
		SELECT r.:"id" FROM :"table" r
		WHERE $1::json -> 'ids' IS NULL AND
-- include ready.sql
		AND
-- include asked.sql
-- include order.sql
		LIMIT ($1::json ->> 'limit')::integer
		FOR UPDATE SKIP LOCKED) || ARRAY(
		SELECT r.:"id" FROM :"table" r
		WHERE r.:"id" IN (SELECT CASE WHEN id ~ :'id_form'
				THEN id:::{id_type} END
			FROM json_array_elements_text($1::json -> 'ids') t (id))
		AND
-- include ready.sql
		AND
-- include asked.sql
		LIMIT ($1::json ->> 'limit')::integer
		FOR UPDATE SKIP LOCKED))
	RETURNING u.*)
(SELECT concat(
-- include job.sql
	, ',"state":"running","lease":{"epoch":',
--if epoch
	r.:"epoch",
--else
--if started_at
	(extract(epoch FROM r.:"started_at") * 1000000)::bigint,
--else
	(extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
--end
--end
	',"worker":', to_json($1::json ->> 'worker'),
--if updated_at
	',"seconds":', :{lease},
--end
	CASE WHEN ($1::json ->> 'ring')::boolean THEN ',"ring":true' END,
	'}}')
FROM taken r
-- include order.sql
)
UNION ALL
SELECT concat('{"event":"idle"',
--if run_at
	',"next_in":' || (SELECT trim_scale(round(
			extract(epoch FROM min(r.:"run_at") - now()), 3))
		FROM :"table" r
		WHERE r.:"state" = :'pending' AND r.:"run_at" > now() AND
-- include asked.sql
		),
--end
	-- Counted no further than 1000, so that it costs the same at any length.
	',"unfinished":', (SELECT count(*) FROM (
		(SELECT FROM :"table" r WHERE r.:"state" = :'pending' AND
-- include asked.sql
		LIMIT 1000)
		UNION ALL
		(SELECT FROM :"table" r WHERE r.:"state" = :'running' AND
-- include asked.sql
		LIMIT 1000)
		LIMIT 1000) c), '}')
WHERE ($1::json ->> 'limit')::integer = 0
	OR (SELECT count(*) FROM taken) < ($1::json ->> 'limit')::integer
