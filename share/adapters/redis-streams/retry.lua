-- What failed or was cancelled begins anew: its entry is pending again, with
-- the count that it had, so that its epoch goes on growing. What waits is due
-- at once. What a consumer has, and what none has had yet, stays.
-- include common.lua
-- include json.lua
-- include job.lua
-- include ending.lua

local answer, seen = {}, {}

-- The entry is put into the list of pending entries again; XCLAIM takes only
-- one that is in the stream.
local function revive(entry, job)
	if not payload(entry) then
		return false
	end
	call('XCLAIM', STREAM, GROUP, PARK, 0, entry, 'RETRYCOUNT', job.epoch,
		'FORCE', 'JUSTID')
	call('HDEL', key('ended'), entry)
	for _, name in ipairs({ 'prune', 'failed', 'cancelled' }) do
		call('ZREM', key(name), entry)
	end
	job.attempt, job.rescues, job.snoozes = 0, 0, 0
	records[entry] = job
	return true
end

local function state_of(entry)
	local job, had = record(entry), pending(entry)
	local ended = not had and unpacked('ended', entry)
	if ended then
		return ended.state, ended
	elseif had then
		return job and job.waits and 'pending' or 'running', job
	elseif not payload(entry) then
		return 'unknown'
	end
	local info = group_info()
	return before(info['last-delivered-id'], entry) and 'pending'
		or 'completed'
end

local function again(entry, state, job)
	if not job or state == 'running' or state == 'completed' then
		return state == 'pending'
	elseif state ~= 'pending' and not revive(entry, job) then
		return false
	end
	job.state, job.settled, job.waits, job.run = nil, nil, true, now
	call('ZADD', key('wait'), now, entry)
	any_ready = true
	change(entry)
	return true
end

for _, id in ipairs(request.ids) do
	local entry = entry_of(id)
	if not seen[id] then
		local state, job = state_of(entry)
		seen[id] = true
		answer[#answer + 1] = '{"event":"retry","id":' .. quote(id)
			.. ',"was":"' .. state .. '","done":'
			.. tostring(again(entry, state, job)) .. '}'
	end
end
flush()
ring()
return answer
