DELETE FROM req
---
INSERT INTO req (now)
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
---
-- include lapse.sql
---
SELECT line || '}' FROM lapsed ORDER BY job
