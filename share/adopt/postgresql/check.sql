-- What jobq-doctor(1) asks: a line for each thing that was looked at.
SELECT concat('{"check":"server","ok":true,"text":',
	to_json('PostgreSQL ' || current_setting('server_version')), '}')
---
SELECT concat('{"check":"durability","ok":', to_json(d.ok), ',"text":', to_json(
	'fsync is ' || current_setting('fsync')
	|| ', synchronous_commit ' || current_setting('synchronous_commit')
	|| ', full_page_writes ' || current_setting('full_page_writes')), '}')
FROM (SELECT current_setting('fsync')::boolean
		AND current_setting('synchronous_commit') <> 'off'
		AND current_setting('full_page_writes')::boolean AS ok) d
---
SELECT concat('{"check":"clock","ok":true,"text":"times are by the server''s',
	' clock","at":"', to_char(clock_timestamp() AT TIME ZONE 'UTC',
		'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '"}')
---
-- All columns that the other texts name.
SELECT concat('{"check":"columns","ok":true,"text":',
	to_json(':{table} has the columns that are needed'::text), '}')
FROM (SELECT FROM (SELECT r.:"id", r.:"state",
--if input
		r.:"input",
--end
--if queue
		r.:"queue",
--end
--if name
		r.:"name",
--end
--if priority
		r.:"priority",
--end
--if run_at
		r.:"run_at",
--end
--if attempts
		r.:"attempts",
--end
--if worker
		r.:"worker",
--end
--if epoch
		r.:"epoch",
--end
--if started_at
		r.:"started_at",
--end
--if finished_at
		r.:"finished_at",
--end
--if error
		r.:"error",
--end
--if output
		r.:"output",
--end
--if updated_at
		r.:"updated_at",
--end
		1 FROM :"table" r LIMIT 0) s) c
RIGHT JOIN (SELECT 1) always ON true
