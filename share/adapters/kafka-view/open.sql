-- include open-tables.sql
---
-- Events as the log has them, each with what it made of its job. Inserting
-- one applies it.
CREATE TEMP TABLE seen (
	i INTEGER PRIMARY KEY, event TEXT, id TEXT, epoch INTEGER, worker TEXT,
	n INTEGER, reason TEXT, error TEXT, state TEXT, run_ms INTEGER,
	at_ms INTEGER, line TEXT
)
---
-- Of a job the first ending of the highest epoch counts: whoever is of an
-- earlier epoch was thought to be dead, and what comes behind an ending is
-- another's. A run that begins while another has no end is a rescue.
-- What the store fails because of its workers' deaths does not run again.
CREATE TEMP TRIGGER see AFTER INSERT ON seen BEGIN
	UPDATE job SET stage = 3, epoch = NEW.epoch, worker = NEW.worker,
		attempt = attempt + (stage <> 3),
		rescues = rescues + (stage = 3
			AND NOT (NEW.event = 'failed' AND NEW.reason IS 'crash')),
		claimed_ms = NEW.at_ms, renewed_ms = NEW.at_ms,
		heard_ms = NEW.at_ms, started_ms = NULL, lease_until = NULL,
		settled = NULL, ended_ms = NULL, reason = NULL, error = NULL,
		prune_ms = NULL
	WHERE id = NEW.id AND epoch < NEW.epoch;
	UPDATE queue SET claimed_ms = max(coalesce(claimed_ms, 0), NEW.at_ms)
	WHERE NEW.event = 'started'
		AND name = (SELECT queue FROM job WHERE id = NEW.id);
	INSERT OR IGNORE INTO event (job, epoch, n, line)
	SELECT seq, NEW.epoch, NEW.n, NEW.line FROM job
	WHERE id = NEW.id AND epoch = NEW.epoch AND worker = NEW.worker
		AND settled IS NULL;
	UPDATE job SET renewed_ms = NEW.at_ms, heard_ms = NEW.at_ms,
		started_ms = coalesce(started_ms,
			iif(NEW.event = 'started', NEW.at_ms, NULL))
	WHERE id = NEW.id AND epoch = NEW.epoch AND worker = NEW.worker
		AND settled IS NULL;
	UPDATE job SET stage = CASE NEW.state WHEN 'completed' THEN 4
			WHEN 'cancelled' THEN 5 WHEN 'failed' THEN 6
			ELSE 2 - (coalesce(NEW.run_ms, 0) > NEW.at_ms) END,
		settled = NEW.event, ended_ms = NEW.at_ms,
		reason = NEW.reason, error = NEW.error, cancel = NULL,
		attempt = attempt - (attempt > 0 AND (NEW.event = 'released'
			OR (NEW.event = 'snoozed' AND snoozes < 100))),
		snoozes = snoozes + (NEW.event = 'snoozed'),
		run_ms = coalesce(NEW.run_ms, run_ms),
		prune_ms = CASE NEW.state WHEN 'failed' THEN
				(SELECT now FROM req) + 604800000
			WHEN 'pending' THEN NULL
			ELSE (SELECT now FROM req) + 86400000 END
	WHERE NEW.state IS NOT NULL AND id = NEW.id AND epoch = NEW.epoch
		AND worker = NEW.worker AND settled IS NULL;
END
