-- Nothing new: the answer is where to go on. That is most looks of a watcher.
SELECT '{"event":"page","after":' || max(last, since) || ',"more":false}'
FROM (SELECT coalesce((SELECT max(seq) FROM event), 0) AS last,
	coalesce(?1 ->> '$.since', 0) AS since)
WHERE since < 0 OR since >= last
