-- Whether the row r is among those that the request is about.
--if queue
(coalesce(json_array_length($1::json -> 'queues'), 0) = 0
	OR coalesce(r.:"queue"::text, 'default') IN
		(SELECT json_array_elements_text($1::json -> 'queues')))
--else
(coalesce(json_array_length($1::json -> 'queues'), 0) = 0
	OR 'default' IN
		(SELECT json_array_elements_text($1::json -> 'queues')))
--end
--if name
AND ($1::json ->> 'name' IS NULL
	OR coalesce(r.:"name"::text, 'default') = $1::json ->> 'name')
--else
AND coalesce($1::json ->> 'name', 'default') = 'default'
--end
AND $1::json ->> 'flow' IS NULL
AND $1::json ->> 'key' IS NULL
