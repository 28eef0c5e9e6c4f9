-- What each connection keeps in memory while it does one verb.
CREATE TEMP TABLE req (
	now INTEGER, wanted INTEGER, worker TEXT, lease_ms INTEGER,
	ring INTEGER, flow TEXT, by_id INTEGER, by_queue INTEGER
)
---
-- The events of a batch, each with the job it is about (job.seq, when there
-- is one); whether its worker holds that job; whether it repeats the ending
-- that the job has had.
CREATE TEMP TABLE ev (
	i INTEGER PRIMARY KEY, event TEXT, id TEXT, epoch INTEGER, worker TEXT,
	n INTEGER, reason TEXT, retry INTEGER, retry_after_ms INTEGER,
	error TEXT, waiting INTEGER, jobs TEXT, line TEXT,
	ending INTEGER, job INTEGER, holds INTEGER, repeats INTEGER
)
---
-- One row for each job that a batch changes: its first ending, and what the
-- job becomes by it.
CREATE TEMP TABLE fold (
	job INTEGER PRIMARY KEY, started INTEGER, i INTEGER, event TEXT,
	reason TEXT, error TEXT, stage INTEGER, run_ms INTEGER, back INTEGER,
	snoozes INTEGER
)
---
-- The jobs of its alive events; job is NULL for what their worker has lost.
CREATE TEMP TABLE named (
	at INTEGER, i INTEGER, id TEXT, epoch INTEGER, job INTEGER,
	started INTEGER, renews INTEGER, PRIMARY KEY (at, i)
) WITHOUT ROWID
---
-- Jobs that a statement changes without an event from outside: leases that
-- ran out, jobs that expired, jobs that are cancelled.
CREATE TEMP TABLE lapsed (
	job INTEGER PRIMARY KEY, stage INTEGER, event TEXT, reason TEXT,
	error TEXT, back INTEGER, rescue INTEGER, line TEXT
)
---
CREATE TEMP TABLE take (job INTEGER PRIMARY KEY, bytes INTEGER)
---
-- Jobs that a completed one releases; jobs that are deleted.
CREATE TEMP TABLE freed (job INTEGER PRIMARY KEY)
---
CREATE TEMP TABLE gone (job INTEGER PRIMARY KEY)
---
CREATE TEMP TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY) WITHOUT ROWID
---
CREATE TEMP TABLE pushed (
	i INTEGER PRIMARY KEY, id TEXT, queue TEXT, name TEXT, priority INTEGER,
	max_attempts INTEGER, run_ms INTEGER, expires_ms INTEGER, key TEXT,
	flow TEXT, needs TEXT, line TEXT, job INTEGER
)
