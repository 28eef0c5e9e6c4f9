			|| ', lease renewed '
			|| (SELECT (max(0, a.now - j.renewed_ms) / ms) || name
				FROM unit WHERE a.now - j.renewed_ms < below
				ORDER BY below LIMIT 1) || ' ago'
