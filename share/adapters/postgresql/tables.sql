-- A job stands in two tables: job_entry is what was pushed and never changes,
-- job_state is narrow and changes with each step, so that a step writes a
-- small row and few index entries.
--
-- stage is the state, with "pending" told apart so that the claim's index
-- holds nothing but what can start now:
--   0 blocked  1 scheduled  2 ready  3 running  4 completed  5 cancelled
--   6 failed
-- All times are milliseconds since 1970, by this server's clock.
CREATE TABLE IF NOT EXISTS :"schema".job_entry (
	seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id text COLLATE "C" NOT NULL,
	queue text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	key text COLLATE "C",
	flow text COLLATE "C",
	pushed_ms bigint NOT NULL,
	-- The job's line as it was pushed, less the members that change and
	-- less its closing brace: an answer appends what holds now.
	line text NOT NULL
)
---
CREATE UNIQUE INDEX IF NOT EXISTS job_entry_id ON :"schema".job_entry (id)
---
CREATE INDEX IF NOT EXISTS job_entry_flow ON :"schema".job_entry (flow, seq)
	WHERE flow IS NOT NULL
---
CREATE TABLE IF NOT EXISTS :"schema".job_state (
	seq bigint PRIMARY KEY,		-- of job_entry
	stage smallint NOT NULL,
	rescues smallint NOT NULL DEFAULT 0,
	snoozes smallint NOT NULL DEFAULT 0,
	attempt integer NOT NULL DEFAULT 0,
	max_attempts integer NOT NULL,
	priority bigint NOT NULL,
	bytes integer NOT NULL,		-- of the entry's line
	run_ms bigint NOT NULL,
	expires_ms bigint,
	epoch bigint NOT NULL DEFAULT 0,
	lease_ms bigint,
	lease_until bigint,
	claimed_ms bigint,
	started_ms bigint,	-- of this epoch; NULL until its started event
	renewed_ms bigint,
	heard_ms bigint,	-- the last event but alive
	ended_ms bigint,
	prune_ms bigint,	-- when it may be deleted; NULL while unfinished
	queue text COLLATE "C" NOT NULL,
	flow text COLLATE "C",
	worker text COLLATE "C",
	cancel text,		-- the reason, once asked for while running
	settled text,		-- the ending that this epoch was settled with
	reason text,
	error text
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02,
	autovacuum_vacuum_insert_scale_factor = 0.2,
	autovacuum_analyze_scale_factor = 0.2)
---
-- A job that was rescued twice is one that may kill its runner; it stands
-- apart, for a worker has one such job at a time.
CREATE INDEX IF NOT EXISTS job_ready
	ON :"schema".job_state (queue, priority DESC, seq)
	WHERE stage = 2 AND rescues < 2
---
CREATE INDEX IF NOT EXISTS job_apart
	ON :"schema".job_state (queue, priority DESC, seq)
	WHERE stage = 2 AND rescues >= 2
---
CREATE INDEX IF NOT EXISTS job_due ON :"schema".job_state (run_ms)
	WHERE stage = 1
---
CREATE INDEX IF NOT EXISTS job_lease ON :"schema".job_state (lease_until)
	WHERE stage = 3
---
CREATE INDEX IF NOT EXISTS job_failed ON :"schema".job_state (seq)
	WHERE stage = 6
---
CREATE INDEX IF NOT EXISTS job_prune ON :"schema".job_state (prune_ms)
	WHERE prune_ms IS NOT NULL
---
CREATE INDEX IF NOT EXISTS job_expiry ON :"schema".job_state (expires_ms)
	WHERE expires_ms IS NOT NULL AND stage < 3
---
CREATE INDEX IF NOT EXISTS job_flow
	ON :"schema".job_state (flow, stage, priority DESC, seq)
	WHERE flow IS NOT NULL AND stage < 4
---
-- The keys of unfinished jobs.
CREATE TABLE IF NOT EXISTS :"schema".job_key (
	queue text COLLATE "C" NOT NULL,
	key text COLLATE "C" NOT NULL,
	job bigint NOT NULL,
	PRIMARY KEY (queue, key)
)
---
CREATE INDEX IF NOT EXISTS job_key_job ON :"schema".job_key (job)
---
CREATE TABLE IF NOT EXISTS :"schema".job_need (
	id text COLLATE "C" NOT NULL,	-- must complete
	job bigint NOT NULL,		-- before this one can start
	-- Whether it may complete without being seen to be needed: see
	-- release_early.
	early boolean NOT NULL DEFAULT false,
	PRIMARY KEY (id, job)
)
---
CREATE INDEX IF NOT EXISTS job_need_job ON :"schema".job_need (job)
---
CREATE INDEX IF NOT EXISTS job_need_early ON :"schema".job_need (job)
	WHERE early
---
CREATE TABLE IF NOT EXISTS :"schema".queue_state (
	name text COLLATE "C" PRIMARY KEY,
	paused_ms bigint,
	claimed_ms bigint,	-- when a worker last asked for its jobs
	idle_ms bigint		-- when one last had a place left
) WITH (fillfactor = 50)
---
-- Queues that a transaction enters when it commits; empty for all others.
CREATE TABLE IF NOT EXISTS :"schema".queue_new (name text COLLATE "C" NOT NULL)
---
-- seq is the cursor of watchers. It is the number of a transaction, times
-- 1024, and the event's place in it: transactions may be committed in another
-- order than they took their numbers, so the log is shown up to the oldest
-- that still writes events (events-function.sql).
CREATE TABLE IF NOT EXISTS :"schema".event_log (
	seq bigint PRIMARY KEY,
	job bigint NOT NULL,
	epoch bigint,
	n bigint,		-- NULL: the store's own
	line text NOT NULL	-- without its closing brace
)
---
CREATE UNIQUE INDEX IF NOT EXISTS event_once
	ON :"schema".event_log (job, epoch, n)
---
CREATE TABLE IF NOT EXISTS :"schema".meta (name text PRIMARY KEY, value bigint)
---
-- Above which event something has been deleted.
INSERT INTO :"schema".meta VALUES ('pruned_seq', 0) ON CONFLICT DO NOTHING
