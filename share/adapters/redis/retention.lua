-- Finished jobs go when their time has come, with their events, some more at
-- each settle than it can have finished, so that nothing grows without
-- anyone's timer. The lists ended and dead are in the order of time, so what
-- goes is at their beginning; an entry whose job is gone, or has ended at
-- another time than it says, is nobody's.
local DAY = 86400000
local RETAINED = { ended = DAY, dead = 7 * DAY }

-- Up to so many ids from a place of a list on, of jobs that ended until then;
-- how many entries, of two elements each, that were; whether there may be
-- more.
local function finished(list, at, most, before)
	if most <= 0 then
		return {}, 0, false
	end
	local first = redis.call('LINDEX', key(list), 2 * at)
	if not first or tonumber(first) > before then
		return {}, 0, false
	end
	local entries = redis.call('LRANGE', key(list), 2 * at,
		2 * (at + most) - 1)
	local ids, out, passed = {}, {}, 0
	for i = 2, #entries, 2 do
		ids[i / 2] = entries[i]
	end
	load(ids)
	for i, id in ipairs(ids) do
		local ms = tonumber(entries[2 * i - 1])
		if ms > before then
			return out, passed, false
		end
		passed = i
		if jobs[id] and jobs[id].ended == ms
			and ENDS[jobs[id].stage] then
			out[#out + 1] = id
		end
	end
	return out, passed, #ids == most
end

local function delete(ids)
	local out, seqs, last, flows = {}, {}, 0, {}
	load_said(ids)
	for _, id in ipairs(ids) do
		local job = jobs[id]
		if job then
			each_said(id, function(_, seq)
				seqs[#seqs + 1] = seq
				last = math.max(last, tonumber(seq))
			end)
			if said[id] == '*' then
				redis.call('DEL', said_key(id))
			end
			for _, need in ipairs(redis.call('SMEMBERS',
				key('wants', id))) do
				redis.call('SREM', key('needs', need), id)
				if redis.call('EXISTS', key('needs', need))
					== 0 then
					redis.call('SREM', key('needed'), need)
				end
			end
			redis.call('DEL', key('wants', id))
			leave(id, job)
			zset(key('all'), id, false)
			if job.flow then
				zset(key('flow', job.flow), id, false)
				flows[job.flow] = true
			end
			out[#out + 1] = id
			jobs[id], changed[id], said[id] = false, nil, false
		end
	end
	batch(out, 'HDEL', JOB)
	batch(out, 'HDEL', MORE)
	batch(out, 'HDEL', LINE)
	batch(out, 'HDEL', SAID)
	batch(seqs, 'HDEL', key('event'))
	if last > tonumber(redis.call('HGET', key('meta'), 'pruned') or 0) then
		redis.call('HSET', key('meta'), 'pruned', last)
	end
	flush()
	for flow in pairs(flows) do
		if redis.call('EXISTS', key('flow', flow)) == 0 then
			redis.call('DEL', key('total', flow))
		end
	end
end

-- What retention allows, or all that ended until then, from the beginning.
local function delete_finished(most, before)
	local answer = {}
	for list, retained in pairs(RETAINED) do
		local ids, passed = finished(list, 0, most - #answer,
			before or now - retained)
		if passed > 0 then
			delete(ids)
			redis.call('LTRIM', key(list), 2 * passed, -1)
		end
		for _, id in ipairs(ids) do
			answer[#answer + 1] = id
		end
	end
	return answer
end
