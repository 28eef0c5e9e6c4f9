-- Finished jobs go when their time has come, with their events, some more at
-- each settle than it can have finished, so that nothing grows without
-- anyone's timer.
local function delete(ids)
	local out, seqs, last, flows = {}, {}, 0, {}
	load(ids)
	for _, id in ipairs(ids) do
		local job = jobs[id]
		if job then
			for _, seq in ipairs(call('HVALS', key('said', id))) do
				seqs[#seqs + 1] = seq .. '-0'
				last = max(last, tonumber(seq))
			end
			for _, need in ipairs(call('SMEMBERS',
				key('wants', id))) do
				call('SREM', key('needs', need), id)
			end
			call('DEL', key('said', id), key('wants', id))
			leave(id, job)
			zset(key('all'), id, false)
			if job[FLOW] then
				zset(key('flow', job[FLOW]), id, false)
				flows[job[FLOW]] = true
			end
			out[#out + 1] = id
			jobs[id], changed[id] = false, nil
		end
	end
	batch(out, 'HDEL', key('job'))
	batch(out, 'HDEL', key('line'))
	batch(seqs, 'XDEL', key('event'))
	if last > tonumber(call('HGET', key('meta'), 'pruned') or 0) then
		call('HSET', key('meta'), 'pruned', last)
	end
	flush()
	for flow in pairs(flows) do
		if call('EXISTS', key('flow', flow)) == 0 then
			call('DEL', key('total', flow))
		end
	end
end
