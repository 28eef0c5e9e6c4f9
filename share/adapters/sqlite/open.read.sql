-- What each connection keeps in memory for verbs that read.
CREATE TEMP TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY) WITHOUT ROWID
---
-- The jobs of one page of a list, in order.
CREATE TEMP TABLE page (i INTEGER PRIMARY KEY, job INTEGER, priority INTEGER)
---
CREATE TEMP TABLE asked (
	now INTEGER, wanted INTEGER, by TEXT, low INTEGER, high INTEGER,
	by_queue INTEGER, name TEXT, flow TEXT, key TEXT, before_ms INTEGER,
	stuck_ms INTEGER, after INTEGER, after_priority INTEGER, why INTEGER
)
---
CREATE TEMP TABLE counted (
	queue TEXT PRIMARY KEY, blocked INTEGER, scheduled INTEGER,
	ready INTEGER, running INTEGER, completed INTEGER, cancelled INTEGER,
	failed INTEGER, oldest INTEGER
) WITHOUT ROWID
