-- What was carried out of the outbox is acknowledged, if it still is what was
-- put there. An entry that a peer has taken meanwhile is watched like a lease;
-- one that was no job has none.
-- include common.lua
-- include json.lua
-- include job.lua
-- include result.lua
-- include ending.lua

for _, pair in ipairs(request.written) do
	local entry = pair[1]
	local item, job = outbox_item(entry), record(entry)
	if item and item.count == pair[2] then
		local had = pending(entry)
		call('HDEL', key('outbox'), entry)
		call('ZREM', key('out'), entry)
		local same = not had or (had.consumer == item.consumer
			and had.count == item.count)
		if job and job.out and same then
			acknowledge(entry, job, job.out)
		elseif job then
			job.out = nil
			change(entry)
			call('ZADD', key('lease'), now + (job.lease or 30000),
				entry)
		end
	end
end
flush()
return {}
