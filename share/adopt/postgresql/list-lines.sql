-- The rows r of a page, as list prints them.
SELECT concat(
-- include job.sql
	, ',"state":"',
-- include state.sql
	, '"',
--if worker
	CASE WHEN r.:"state" = :'running' THEN concat(
		',"held":{"worker":', to_json(r.:"worker"::text),
--if started_at
		',"age":' || greatest(0, extract(epoch FROM
			clock_timestamp() - r.:"started_at"))::bigint,
--end
--if updated_at
		',"renewed":' || greatest(0, extract(epoch FROM
			clock_timestamp() - r.:"updated_at"))::bigint,
--end
		'}') END,
--end
--if finished_at
	CASE WHEN r.:"state" IN (:'completed', :'failed')
			AND r.:"finished_at" IS NOT NULL THEN concat(
		',"ended":{"at":"', to_char(r.:"finished_at"::timestamptz
			AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
--if error
		'","error":', coalesce(to_json(r.:"error"::text), 'null'), '}')
--else
		'"}')
--end
	END,
--end
	'}')
FROM page r
