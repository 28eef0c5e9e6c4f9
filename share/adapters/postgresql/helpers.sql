-- The functions that are verbs set the search path and how statements are
-- planned; what they call finds both set.
--
-- A statement is planned once for a connection, which may be when the tables
-- are empty. So none leaves it to the planner how a large table is joined: it
-- is reached by = ANY (an array), or by a LATERAL with OFFSET 0, which looks
-- each row up by its index.
--
-- Advisory locks are numbered from 1785684593, the letters jobq, on: of init,
-- of who writes events, of who prunes; behind that stands the schema.
CREATE OR REPLACE FUNCTION :"schema".now_ms() RETURNS bigint
LANGUAGE sql VOLATILE AS $$
	SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$
---
-- RFC 3339, UTC.
CREATE OR REPLACE FUNCTION :"schema".as_time(ms bigint) RETURNS text
LANGUAGE sql STABLE AS $$
	SELECT to_char(timestamp '1970-01-01' + ms * interval '1 millisecond',
		'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$
---
CREATE OR REPLACE FUNCTION :"schema".as_state(stage integer) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE stage WHEN 0 THEN 'blocked' WHEN 1 THEN 'pending'
		WHEN 2 THEN 'pending' WHEN 3 THEN 'running'
		WHEN 4 THEN 'completed' WHEN 5 THEN 'cancelled'
		ELSE 'failed' END
$$
---
CREATE OR REPLACE FUNCTION :"schema".as_json(value text) RETURNS text
LANGUAGE sql STABLE AS $$ SELECT to_json(value)::text $$
---
-- What an ending makes of its job. A job whose cancelling was asked for does
-- not wait for another attempt.
CREATE OR REPLACE FUNCTION :"schema".next_stage(event text, retry boolean,
	attempt integer, max_attempts integer, snoozes integer, cancel text)
RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
	SELECT (CASE WHEN event IS NULL THEN 3
		WHEN event = 'completed' THEN 4
		WHEN event = 'cancelled' THEN 5
		WHEN event = 'failed'
			AND (retry IS FALSE OR attempt >= max_attempts) THEN 6
		WHEN event = 'snoozed' AND snoozes >= 100
			AND attempt >= max_attempts THEN 6
		WHEN cancel IS NOT NULL THEN 5
		WHEN event = 'released' THEN 2
		ELSE 1 END)::smallint
$$
---
-- Rings for whoever waits for jobs of these queues. A doorbell carries
-- nothing; the server joins those that one transaction rings twice.
CREATE OR REPLACE FUNCTION :"schema".ring(queues text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('jobq:' || md5(:'schema'), '');
	PERFORM pg_notify('jobq:' || md5(:'schema' || ':' || q), '')
	FROM unnest(queues) q;
END
$$
---
-- The same, where somebody has found nothing lately: who pushes to busy
-- workers does not pay for it.
CREATE OR REPLACE FUNCTION :"schema".ring_idle(queues text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT 1 FROM queue_state WHERE name = ANY (queues)
			AND idle_ms > now_ms() - 60000) THEN
		PERFORM ring(queues);
	END IF;
END
$$
---
-- The number before a verb's first event; it has 1023. The lock that is taken
-- here holds back whoever watches, from before the number is known until the
-- events are there: see events-function.sql. A verb asks for it before it
-- writes anything, and then the number is that of the transaction, times 1024.
-- If something has been written before in the same transaction, by its owner
-- or by another verb, then its number is an old one: watchers may have been
-- shown newer events, and the other verb has used it. A subtransaction has a
-- number that nobody had before, told by its lock.
CREATE OR REPLACE FUNCTION :"schema".first_event() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	late boolean := pg_current_xact_id_if_assigned() IS NOT NULL;
	number bigint;
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1785684594, hashtext(:'schema'));
	IF NOT late THEN
		RETURN pg_current_xact_id()::text::bigint << 10;
	END IF;
	BEGIN
		PERFORM pg_logical_emit_message(true, 'jobq', '');
		SELECT max(whole_xid(l.transactionid, u.upper)) INTO number
		FROM pg_locks l, LATERAL (SELECT pg_snapshot_xmax(
			pg_current_snapshot())::text::bigint AS upper) u
		WHERE l.pid = pg_backend_pid()
			AND l.locktype = 'transactionid'
			AND l.mode = 'ExclusiveLock';
	EXCEPTION WHEN no_data_found THEN
		-- Never; but what has this clause is a subtransaction.
		RAISE;
	END;
	RETURN number << 10;
END
$$
---
-- A transaction's number, of which a lock tells the lower half, made whole by
-- one that is near.
CREATE OR REPLACE FUNCTION :"schema".whole_xid(half xid, near bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT near - CASE WHEN less < 2147483648 THEN less
		ELSE less - 4294967296 END
	FROM (SELECT (near - half::text::bigint) & 4294967295 AS less) l
$$
---
-- Looks that find their way through many dead entries of an index, which the
-- server cannot clean up while an old snapshot is held, take long. The
-- connection remembers, in a setting of its own that means nothing to anybody
-- else, until when such a look need not be repeated: for twenty times as long
-- as it took, so that it costs a twentieth of the time.
CREATE OR REPLACE FUNCTION :"schema".look_again(what text, now bigint)
RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT coalesce(nullif(current_setting('jobq.' || what || '_'
		|| md5(:'schema'), true), '')::bigint, 0) <= now
$$
---
CREATE OR REPLACE FUNCTION :"schema".looked(what text, now bigint,
	begun timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	took double precision := extract(epoch FROM clock_timestamp() - begun)
		* 1000;
BEGIN
	IF took > 2 THEN
		PERFORM set_config('jobq.' || what || '_' || md5(:'schema'),
			(now + least(5000, 20 * took)::bigint)::text, false);
	END IF;
END
$$
