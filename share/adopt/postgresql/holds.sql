-- Whether v, by its epoch and worker, holds the row r, or was the last that did.
--if epoch
r.:"epoch" = v.epoch
--if worker
AND r.:"worker"::text = v.worker
--end
--else
--if started_at
(extract(epoch FROM r.:"started_at") * 1000000)::bigint = v.epoch
--if worker
AND r.:"worker"::text = v.worker
--end
--else
--if worker
r.:"worker"::text = v.worker
--else
true
--end
--end
--end
