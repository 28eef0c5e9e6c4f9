	b.line || ',"attempt":' || j.attempt || ',"run_at":"'
	|| strftime('%Y-%m-%dT%H:%M:%fZ', j.run_ms / 1000.0, 'unixepoch')
	|| '","state":"' || CASE j.stage WHEN 0 THEN 'blocked'
		WHEN 1 THEN 'pending' WHEN 2 THEN 'pending'
		WHEN 3 THEN 'running' WHEN 4 THEN 'completed'
		WHEN 5 THEN 'cancelled' ELSE 'failed' END
	|| '","pushed_at":"' || strftime('%Y-%m-%dT%H:%M:%fZ',
		j.pushed_ms / 1000.0, 'unixepoch') || '"'
	|| CASE WHEN j.stage = 3 THEN ',"held":{"worker":'
		|| json_quote(j.worker) || ',"age":'
		|| max(0, (a.now - j.claimed_ms) / 1000)
		|| ',"renewed":' || max(0, (a.now - j.renewed_ms) / 1000)
		|| ',"silent":' || max(0, (a.now - j.heard_ms) / 1000)
		|| CASE WHEN j.cancel IS NULL THEN ''
			ELSE ',"cancel":' || json_quote(j.cancel) END
		|| '}' ELSE '' END
	|| CASE WHEN j.ended_ms IS NOT NULL AND j.stage <> 3 THEN
		',"ended":{"at":"' || strftime('%Y-%m-%dT%H:%M:%fZ',
			j.ended_ms / 1000.0, 'unixepoch') || '"'
		|| iif(j.reason IS NULL, '',
		',"reason":' || json_quote(j.reason))
		|| iif(j.error IS NULL, '',
		',"error":' || json_quote(j.error))
		|| '}' ELSE '' END
	|| CASE WHEN j.rescues > 0 THEN ',"rescues":' || j.rescues ELSE '' END
