		-- A longer one makes no line that jobq could pass on.
		AND (octet_length(c.description) < 200000
			OR octet_length(row_to_json(c)::text) < 1900000)
