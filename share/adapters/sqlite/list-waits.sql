			|| ': ' || CASE
			WHEN q.claimed_ms IS NULL THEN 'no worker has claimed from '
				|| j.queue || ' yet'
			WHEN q.claimed_ms < a.now - 10000 THEN
				'no worker has claimed from ' || j.queue
				|| ' since ' || strftime('%Y-%m-%d %H:%M:%S',
				q.claimed_ms / 1000.0, 'unixepoch', 'localtime')
			ELSE 'the workers of ' || j.queue || ' are busy' END
