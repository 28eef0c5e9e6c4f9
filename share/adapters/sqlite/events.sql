-- Replay from a cursor: every later event that is kept, or first a gap when
-- some that were later have been deleted.
DELETE FROM asked
---
INSERT INTO asked (now, wanted, flow, after)
SELECT 0, coalesce(?1 ->> '$.limit', 500), ?1 ->> '$.flow',
	coalesce(?1 ->> '$.since', 0)
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
SELECT '{"event":"page","after":' || p.i || '}'
FROM page p WHERE p.i = (SELECT max(i) FROM page)
	AND (SELECT count(*) FROM page) >= (SELECT wanted FROM asked)
