-- A job, made of the row r, up to its closing brace. What a command sees of a
-- row is decided here.
concat('{"id":', to_json(r.:"id"::text),
--if queue
	',"queue":', to_json(coalesce(r.:"queue"::text, 'default')),
--else
	',"queue":"default"',
--end
--if name
	',"name":', to_json(coalesce(r.:"name"::text, 'default')),
--else
	',"name":"default"',
--end
--if priority
	',"priority":', coalesce(r.:"priority", 0)::bigint,
--end
--if run_at
	',"run_at":"' || to_char(r.:"run_at"::timestamptz AT TIME ZONE 'UTC',
		'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"',
--end
--if attempts
	',"attempt":', coalesce(r.:"attempts", 0),
	',"max_attempts":', :{max_attempts},
--else
	',"attempt":', (r.:"state" <> :'pending')::integer,
	',"max_attempts":1',
--end
	-- A value of the type json may hold line breaks between its members.
--if input
	',"input":', translate(coalesce(to_json(r.:"input")::text, 'null'),
		E'\n\r', '  '))
--else
	',"input":', translate(row_to_json(r)::text, E'\n\r', '  '))
--end
