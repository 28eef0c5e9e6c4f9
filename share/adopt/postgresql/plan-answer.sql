-- What of a plan, $1, is told. A scan must begin where the rows of one status
-- are, or be of an index that has no others; nothing may be sorted.
WITH node AS MATERIALIZED (
	SELECT o, n ->> 'Node Type' AS type, n ->> 'Relation Name' AS relation,
		n ->> 'Index Name' AS index, n ->> 'Index Cond' AS condition
	FROM jsonb_path_query($1::jsonb, 'strict $.** ? (@.type() == "object")')
		WITH ORDINALITY t (n, o)
	WHERE jsonb_exists(n, 'Node Type'))
SELECT concat('{"file":"plan.sql","statement":4,"plan":', to_json(
	concat_ws(' ', type, 'using ' || index, 'on ' || relation,
		condition)), '}')
FROM node
UNION ALL
SELECT concat('{"file":"plan.sql","statement":4,"whole":',
	to_json(':{table}'::text), ',"advice":', to_json(
--if priority
	'CREATE INDEX CONCURRENTLY ON :"table" (:"state", :"priority" DESC NULLS LAST, :"id")'
--else
	'CREATE INDEX CONCURRENTLY ON :"table" (:"state", :"id")'
--end
	::text), '}')
WHERE EXISTS (SELECT FROM node
	WHERE type IN ('Seq Scan', 'Sort', 'Bitmap Heap Scan')
		OR (relation IS NOT NULL AND index IS NOT NULL
			AND coalesce(condition, '') NOT LIKE
				'%:{state}%=%'
			AND NOT EXISTS (SELECT FROM pg_index i
				JOIN pg_class c ON c.oid = i.indexrelid
				WHERE c.relname = index
					AND i.indpred IS NOT NULL)))
