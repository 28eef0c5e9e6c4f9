-- Said when fewer jobs were taken than were wanted. unfinished is what is
-- pending or running of the queues or the flow, counted no further than 1000,
-- and for some queues or a flow only when that is asked for; what is blocked
-- does not count. next_in is of the queues or the flow, too: where a thousand
-- jobs of others are due before theirs, the time of the thousandth is said.
-- include claim-next.sql
-- include claim-unfinished.sql
FROM req r WHERE (SELECT count(*) FROM take) < r.wanted OR r.wanted = 0
