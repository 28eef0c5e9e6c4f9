-- The events of the request, each with the job of its id. This may come
-- before the transaction: a job keeps its number, and what holds is looked at
-- within.
DELETE FROM ev
---
INSERT INTO ev
SELECT v.i, v.event, v.id, v.epoch, v.worker, v.n, v.reason, v.retry,
	v.retry_after_ms, v.error, v.waiting, v.jobs, v.line, v.event IN
		('completed', 'failed', 'cancelled', 'released', 'snoozed'),
	j.seq, NULL, NULL
FROM request_events(?1) v LEFT JOIN job j ON j.id = v.id
