(
-- include list-lines.sql
ORDER BY r.:"id")
UNION ALL
SELECT concat('{"event":"page","after":', to_json((SELECT r.:"id"::text
	FROM page r ORDER BY r.:"id" DESC LIMIT 1)), '}')
FROM page HAVING count(*) >= ($1::json ->> 'limit')::integer
