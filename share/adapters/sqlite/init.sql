-- The schema, version 1. Everything a statement changes often stands in the
-- narrow table job; a job's text is written once, into body, so that renewing
-- the lease of a large job writes one small row.
--
-- stage is the state, with "pending" told apart so that the claim's index
-- holds nothing but what can start now:
--   0 blocked  1 scheduled  2 ready  3 running  4 completed  5 cancelled
--   6 failed
-- All times are milliseconds since 1970, by this machine's clock.
CREATE TABLE job (
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL,
	queue TEXT NOT NULL,
	name TEXT NOT NULL,
	stage INTEGER NOT NULL,
	priority INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	max_attempts INTEGER NOT NULL,
	run_ms INTEGER NOT NULL,
	pushed_ms INTEGER NOT NULL,
	bytes INTEGER NOT NULL,	-- of the text in body
	expires_ms INTEGER,
	key TEXT,
	flow TEXT,
	epoch INTEGER NOT NULL DEFAULT 0,
	worker TEXT,
	lease_ms INTEGER,
	lease_until INTEGER,
	claimed_ms INTEGER,
	started_ms INTEGER,	-- of this epoch; NULL until its started event
	renewed_ms INTEGER,
	heard_ms INTEGER,	-- the last event but alive
	rescues INTEGER NOT NULL DEFAULT 0,
	snoozes INTEGER NOT NULL DEFAULT 0,
	cancel TEXT,		-- the reason, once asked for while running
	settled TEXT,		-- the ending that this epoch was settled with
	ended_ms INTEGER,
	reason TEXT,
	error TEXT,
	prune_ms INTEGER	-- when it may be deleted; NULL while unfinished
)
---
CREATE UNIQUE INDEX job_id ON job (id)
---
-- A job that was rescued twice is one that may kill its runner; it stands
-- apart, for a worker has one such job at a time (claim.sql).
CREATE INDEX job_ready ON job (queue, priority DESC, seq)
	WHERE stage = 2 AND rescues < 2
---
CREATE INDEX job_apart ON job (queue, priority DESC, seq)
	WHERE stage = 2 AND rescues >= 2
---
CREATE INDEX job_due ON job (run_ms) WHERE stage = 1
---
CREATE INDEX job_lease ON job (lease_until) WHERE stage = 3
---
CREATE INDEX job_failed ON job (seq) WHERE stage = 6
---
CREATE INDEX job_prune ON job (prune_ms) WHERE prune_ms IS NOT NULL
---
CREATE INDEX job_expiry ON job (expires_ms)
	WHERE expires_ms IS NOT NULL AND stage < 3
---
CREATE UNIQUE INDEX job_key ON job (queue, key)
	WHERE key IS NOT NULL AND stage < 4
---
CREATE INDEX job_flow ON job (flow, stage, priority DESC, seq)
	WHERE flow IS NOT NULL
---
-- The job's line as it was pushed, less the members that change and less
-- its closing brace: an answer appends what holds now.
CREATE TABLE body (job INTEGER PRIMARY KEY, line TEXT NOT NULL)
---
CREATE TABLE need (
	id TEXT NOT NULL,	-- must complete
	job INTEGER NOT NULL,	-- before this one (job.seq) can start
	PRIMARY KEY (id, job)
) WITHOUT ROWID
---
CREATE INDEX need_job ON need (job)
---
CREATE TABLE queue (
	name TEXT PRIMARY KEY,
	paused_ms INTEGER,
	claimed_ms INTEGER	-- when a worker last asked for its jobs
) WITHOUT ROWID
---
-- seq is the cursor of watchers: it only grows, also after deletions, for the
-- last row is never deleted but emptied (delete-gone.sql). That costs a page
-- less in each commit than AUTOINCREMENT.
CREATE TABLE event (
	seq INTEGER PRIMARY KEY,
	job INTEGER NOT NULL,	-- 0: emptied
	epoch INTEGER,
	n INTEGER,		-- NULL: the store's own
	line TEXT NOT NULL	-- without its closing brace
)
---
CREATE UNIQUE INDEX event_once ON event (job, epoch, n)
---
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID
---
-- Above which event something has been deleted.
INSERT INTO meta VALUES ('pruned_seq', 0)
---
PRAGMA application_id = 0x6a6f6271
---
PRAGMA user_version = 1
