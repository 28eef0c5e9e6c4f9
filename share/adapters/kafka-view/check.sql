-- How far each partition of the log was read.
SELECT '{"place":' || json_quote(substr(name, 7)) || ',"offset":' || value
	|| '}'
FROM meta WHERE name LIKE 'place %'
