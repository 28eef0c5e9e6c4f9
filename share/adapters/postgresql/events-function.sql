-- Up to where the log is complete: below the numbers of every transaction
-- that writes events and has not ended. Each such holds a lock in shared mode
-- from before it had a number (first_event), and gives it back only after it
-- has ended for others; so the locks are looked at first and the log after
-- that. One whose number is not told yet may have the lowest that is in use,
-- as may one that is prepared, which has no process.
CREATE OR REPLACE FUNCTION :"schema".events_until() RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = :"schema", pg_temp AS $$
	SELECT least(s.upper, (SELECT min(coalesce(
			whole_xid(t.transactionid, s.upper), s.lower))
		FROM pg_locks l LEFT JOIN LATERAL (
			SELECT x.transactionid FROM pg_locks x
			WHERE x.pid = l.pid AND x.locktype = 'transactionid'
				AND x.mode = 'ExclusiveLock') t ON true
		WHERE l.locktype = 'advisory' AND l.classid = 1785684594
			AND l.objid = (hashtext(:'schema')::bigint
				& 4294967295)::oid
			AND l.database = (SELECT d.oid FROM pg_database d
				WHERE d.datname = current_database())
			AND l.pid IS DISTINCT FROM pg_backend_pid())) << 10
	FROM (SELECT pg_snapshot_xmin(n)::text::bigint AS lower,
			pg_snapshot_xmax(n)::text::bigint AS upper
		FROM pg_current_snapshot() n) s
$$
---
-- Replay from a cursor: every later event that is kept, or first a gap when
-- some that were later have been deleted. What has been is asked for when the
-- lines have been read, so that none is missed that is deleted meanwhile. A
-- cursor below 0 is the newest event's.
CREATE OR REPLACE FUNCTION :"schema".verb_events(request text)
RETURNS SETOF text LANGUAGE plpgsql
SET search_path = :"schema", pg_temp
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
	q record;
	until bigint := events_until();
	last bigint;
	since bigint;
	page bigint[];
	lines text[];
	kept integer;
	pruned bigint;
BEGIN
	SELECT * INTO q FROM json_to_record(request::json) r ("limit" integer,
		flow text, ids text[], since bigint);
	q."limit" := coalesce(q."limit", 500);
	last := coalesce((SELECT max(l.seq) FROM event_log l
		WHERE l.seq < until), 0);
	since := CASE WHEN q.since < 0 THEN last ELSE coalesce(q.since, 0) END;

	IF q.ids IS NOT NULL THEN
		page := ARRAY(SELECT l.seq FROM job_entry e
			JOIN event_log l ON l.job = e.seq
			WHERE e.id = ANY (q.ids) AND l.seq > since
				AND l.seq < until
			ORDER BY l.seq LIMIT q."limit");
	ELSIF q.flow IS NOT NULL THEN
		page := ARRAY(SELECT l.seq FROM job_entry e
			JOIN event_log l ON l.job = e.seq
			WHERE e.flow = q.flow AND l.seq > since
				AND l.seq < until
			ORDER BY l.seq LIMIT q."limit");
	ELSE
		page := ARRAY(SELECT l.seq FROM event_log l
			WHERE l.seq > since AND l.seq < until
			ORDER BY l.seq LIMIT q."limit");
	END IF;
	-- A page is at most 4 MiB, but never less than one line.
	SELECT greatest(count(*) FILTER (WHERE t.bytes <= 4194304), 1)
	INTO kept FROM (SELECT sum(octet_length(l.line))
			OVER (ORDER BY l.seq) AS bytes
		FROM event_log l WHERE l.seq = ANY (page)) t;
	IF kept < cardinality(page) THEN
		page := page[:kept];
		q."limit" := kept;
	END IF;

	lines := ARRAY(SELECT concat(l.line, ',"seq":', l.seq, '}')
		FROM event_log l WHERE l.seq = ANY (page) ORDER BY l.seq);
	SELECT m.value INTO pruned FROM meta m WHERE m.name = 'pruned_seq';
	IF since < pruned AND q.ids IS NULL THEN
		RETURN NEXT concat('{"event":"gap","since":', since,
			',"until":', pruned, '}');
	END IF;
	RETURN QUERY SELECT unnest(lines);

	-- A page that is not full ends at the newest event of the store,
	-- whosever that is, so that a later look is told of no gap before it.
	IF cardinality(page) >= q."limit" AND cardinality(page) > 0 THEN
		RETURN NEXT concat('{"event":"page","after":',
			page[cardinality(page)], '}');
	ELSE
		RETURN NEXT concat('{"event":"page","after":',
			greatest(last, since), ',"more":false}');
	END IF;
END
$$
