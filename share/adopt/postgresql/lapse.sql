--if started_at updated_at
--if attempts
-- A worker that was not heard of for a lease is taken for dead. Its rows wait
-- again as long as they have attempts left.
--else
-- A worker that was not heard of for a lease is taken for dead, and its rows
-- wait again.
--end
UPDATE :"table" u SET
--if updated_at
	:"updated_at" = clock_timestamp(),
--end
	:"state" = :'pending'
WHERE u.:"id" = ANY (ARRAY(
	SELECT r.:"id" FROM :"table" r
	WHERE r.:"state" = :'running'
--if updated_at
		AND r.:"updated_at" < now() - interval ':{lease} seconds'
--else
		AND r.:"started_at" < now() - interval ':{lease} seconds'
--end
--if attempts
		AND coalesce(r.:"attempts", 0) < :{max_attempts}
--end
	ORDER BY r.:"id" LIMIT 100
	FOR UPDATE SKIP LOCKED))
--if attempts
---
UPDATE :"table" u SET
--if finished_at
	:"finished_at" = clock_timestamp(),
--end
--if error
	:"error" = 'crashed: its worker was gone before it ended',
--end
--if updated_at
	:"updated_at" = clock_timestamp(),
--end
	:"state" = :'failed'
WHERE u.:"id" = ANY (ARRAY(
	SELECT r.:"id" FROM :"table" r
	WHERE r.:"state" = :'running'
--if updated_at
		AND r.:"updated_at" < now() - interval ':{lease} seconds'
--else
		AND r.:"started_at" < now() - interval ':{lease} seconds'
--end
		AND r.:"attempts" >= :{max_attempts}
	ORDER BY r.:"id" LIMIT 100
	FOR UPDATE SKIP LOCKED))
--end
--end
