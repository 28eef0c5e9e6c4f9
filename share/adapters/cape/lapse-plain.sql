-- include no-attempts.sql
-- include lapsed.sql
SELECT NULL::text FROM lapsed
