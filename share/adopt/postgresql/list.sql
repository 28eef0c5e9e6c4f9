-- only older_ms
-- The verb list. A row does not tell its age.
DO $$
BEGIN
	RAISE feature_not_supported
	USING MESSAGE = 'older: the table does not tell when a row was made';
END
$$
---
-- only stuck_ms
DO $$
BEGIN
	RAISE feature_not_supported
	USING MESSAGE = 'stuck: the table does not tell how long a row waits';
END
$$
---
-- only by ready
-- What a worker could take now, in the order of claims.
WITH page AS MATERIALIZED (SELECT r.* FROM :"table" r
	WHERE
-- include ready.sql
	AND
-- include asked.sql
-- include order.sql
	LIMIT ($1::json ->> 'limit')::integer
	OFFSET coalesce($1::json ->> 'after', '0')::bigint)
(
-- include list-lines.sql
-- include order.sql
)
UNION ALL
SELECT concat('{"event":"page","after":',
	coalesce($1::json ->> 'after', '0')::bigint + count(*), '}')
FROM page HAVING count(*) >= ($1::json ->> 'limit')::integer
---
-- only by running
WITH page AS MATERIALIZED (SELECT r.* FROM :"table" r
	WHERE r.:"state" = :'running' AND r.:"id" > coalesce(
			($1::json ->> 'after'):::{id_type}, :{id_least})
	AND
-- include asked.sql
	ORDER BY r.:"id" LIMIT ($1::json ->> 'limit')::integer)
-- include list-page.sql
---
-- only by failed
WITH page AS MATERIALIZED (SELECT r.* FROM :"table" r
	WHERE r.:"state" = :'failed' AND r.:"id" > coalesce(
			($1::json ->> 'after'):::{id_type}, :{id_least})
	AND
-- include asked.sql
	ORDER BY r.:"id" LIMIT ($1::json ->> 'limit')::integer)
-- include list-page.sql
---
-- only by ids
WITH page AS MATERIALIZED (SELECT r.* FROM :"table" r
	WHERE r.:"id" IN (SELECT CASE WHEN id ~ :'id_form'
			THEN id:::{id_type} END
		FROM json_array_elements_text($1::json -> 'ids') t (id))
	AND r.:"id" > coalesce(
			($1::json ->> 'after'):::{id_type}, :{id_least})
	AND r.:"state" IN (:'pending', :'running', :'completed', :'failed')
	AND ($1::json ->> 'state' IS NULL OR $1::json ->> 'state' =
-- include state.sql
	) AND
-- include asked.sql
	ORDER BY r.:"id" LIMIT ($1::json ->> 'limit')::integer)
-- include list-page.sql
---
-- only by all
WITH page AS MATERIALIZED (SELECT r.* FROM :"table" r
	WHERE r.:"id" > coalesce(
			($1::json ->> 'after'):::{id_type}, :{id_least})
	AND r.:"state" IN (:'pending', :'running', :'completed', :'failed')
	AND ($1::json ->> 'state' IS NULL OR $1::json ->> 'state' =
-- include state.sql
	) AND
-- include asked.sql
	ORDER BY r.:"id" LIMIT ($1::json ->> 'limit')::integer)
-- include list-page.sql
