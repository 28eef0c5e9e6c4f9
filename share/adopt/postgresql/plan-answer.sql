-- What of a plan, $1, is told. An index must have no rows but those of the one
-- status, or be entered where they begin; nothing may be sorted.
WITH part (name, advice) AS (VALUES
--if priority
	('ready', format('CREATE INDEX CONCURRENTLY ON :"table"'
		' (:"priority" DESC NULLS LAST, :"id") WHERE :"state" = %L',
		:'pending')),
--else
	('ready', format('CREATE INDEX CONCURRENTLY ON :"table" (:"id")'
		' WHERE :"state" = %L', :'pending')),
--end
	('running', format('CREATE INDEX CONCURRENTLY ON :"table" (:"id")'
		' WHERE :"state" = %L', :'running'))),
node AS MATERIALIZED (
	SELECT p.name, p.advice, n ->> 'Node Type' AS type,
		n ->> 'Relation Name' AS relation,
		n ->> 'Index Name' AS index, n ->> 'Index Cond' AS condition
	FROM part p
	CROSS JOIN jsonb_path_query($1::jsonb,
		'strict $.** ? (@."Subplan Name" == $name)',
		jsonb_build_object('name', 'CTE ' || p.name)) top
	CROSS JOIN jsonb_path_query(top,
		'strict $.** ? (@.type() == "object")') n
	WHERE jsonb_exists(n, 'Node Type'))
SELECT concat('{"file":"plan.sql","statement":4,"plan":', to_json(
	concat_ws(' ', type, 'using ' || index, 'on ' || relation,
		condition)), '}')
FROM node WHERE relation IS NOT NULL
UNION ALL
SELECT concat('{"file":"plan.sql","statement":4,"whole":',
	to_json(':{table}'::text), ',"advice":', to_json(p.advice), '}')
FROM part p WHERE EXISTS (SELECT FROM node n
	WHERE n.name = p.name
		AND (n.type IN ('Seq Scan', 'Sort', 'Bitmap Heap Scan')
			OR (n.relation IS NOT NULL AND n.index IS NOT NULL
				AND coalesce(n.condition, '') NOT LIKE
					'%:{state}%=%'
				AND NOT EXISTS (SELECT FROM pg_index i
					JOIN pg_class c ON c.oid = i.indexrelid
					WHERE c.relname = n.index
						AND i.indpred IS NOT NULL))))
