-- Who waits for jobs is not in the log, but who began one is.
			|| CASE WHEN q.claimed_ms IS NULL THEN
				': the log tells of no worker yet'
			ELSE ': a worker last began a job at '
				|| strftime('%Y-%m-%d %H:%M:%S',
				q.claimed_ms / 1000.0, 'unixepoch', 'localtime') END
