-- Replay from a cursor: every later event that is kept, or first a gap when
-- some that were later have been deleted. A cursor below 0 is the newest
-- event's. now is here the seq of that event.
DELETE FROM asked
---
INSERT INTO asked (now, wanted, flow, after)
SELECT last, coalesce(?1 ->> '$.limit', 500), ?1 ->> '$.flow',
	iif(?1 ->> '$.since' < 0, last, coalesce(?1 ->> '$.since', 0))
FROM (SELECT coalesce((SELECT max(seq) FROM event), 0) AS last)
---
SELECT '{"event":"gap","since":' || a.after || ',"until":' || m.value || '}'
FROM asked a, meta m
WHERE m.name = 'pruned_seq' AND a.after < m.value
	AND json_type(?1, '$.ids') IS NULL
---
DELETE FROM page
---
INSERT INTO page (i, job)
SELECT e.seq, e.job FROM asked a CROSS JOIN json_each(?1, '$.ids') i
	CROSS JOIN job j ON j.id = i.value CROSS JOIN event e ON e.job = j.seq
WHERE e.seq > a.after GROUP BY e.seq
ORDER BY e.seq LIMIT (SELECT wanted FROM asked)
---
INSERT INTO page (i, job)
SELECT e.seq, e.job FROM asked a CROSS JOIN job j ON j.flow = a.flow
	CROSS JOIN event e ON e.job = j.seq
WHERE json_type(?1, '$.ids') IS NULL AND e.seq > a.after
ORDER BY e.seq LIMIT (SELECT wanted FROM asked)
---
INSERT INTO page (i, job)
SELECT e.seq, e.job FROM asked a CROSS JOIN event e
WHERE json_type(?1, '$.ids') IS NULL AND a.flow IS NULL AND e.seq > a.after
	AND e.job <> 0
ORDER BY e.seq LIMIT (SELECT wanted FROM asked)
---
-- A page is at most 4 MiB, but never less than one line.
DELETE FROM page WHERE i IN (SELECT i FROM (SELECT p.i,
	sum(length(e.line)) OVER w AS bytes, row_number() OVER w AS row
	FROM page p CROSS JOIN event e ON e.seq = p.i
	WINDOW w AS (ORDER BY p.i ROWS UNBOUNDED PRECEDING))
	WHERE bytes > 4194304 AND row > 1)
---
UPDATE asked SET wanted = (SELECT count(*) FROM page) WHERE changes() > 0
---
SELECT e.line || ',"seq":' || e.seq || '}'
FROM page p CROSS JOIN event e ON e.seq = p.i
ORDER BY p.i
---
-- A page that is not full ends at the newest event of the store, whosever
-- that is, so that a later look is told of no gap before it.
SELECT '{"event":"page","after":' || CASE
	WHEN count(p.i) >= a.wanted AND count(p.i) > 0 THEN max(p.i)
	ELSE max(a.now, a.after) || ',"more":false' END || '}'
FROM asked a LEFT JOIN page p
