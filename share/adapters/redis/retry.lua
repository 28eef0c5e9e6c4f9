-- A job that failed or was cancelled begins anew; one that waits out a backoff
-- is due at once. What runs, is completed or blocked stays.
-- include common.lua

local answer, seen = {}, {}

-- Whether another unfinished job has its key, or else this one has it now.
local function key_is_taken(id, job)
	local owner = job.key and job.queue .. '\0' .. job.key
	if not owner then
		return false
	elseif redis.call('HSETNX', key('key'), owner, id) == 1 then
		return false
	end
	return true
end

local function again(id, job)
	leave(id, job)
	job.attempt = FAILS[job.stage] and 0 or job.attempt
	job.stage = redis.call('EXISTS', key('wants', id)) == 1 and 'blocked'
		or 'ready'
	job.run, job.rescues, job.snoozes = now, false, false
	job.settled = false
	if job.expires and job.expires <= now then
		job.expires, remade[id] = false, true
	end
	enter(id, job)
end

load(request.ids)
for _, id in ipairs(request.ids) do
	local job = jobs[id]
	if not seen[id] then
		local stage = job and job.stage
		local done = 'false'
		seen[id] = true
		if stage and FAILS[stage] and key_is_taken(id, job) then
			done = 'false,"why":"key"'
		elseif stage and (FAILS[stage] or stage == 'scheduled'
			or stage == 'ready') then
			again(id, job)
			done = 'true'
		end
		answer[#answer + 1] = '{"event":"retry","id":' .. quote(id)
			.. ',"was":"' .. (stage and STATE[stage] or 'unknown')
			.. '","done":' .. done .. '}'
	end
end
flush()
ring()
return answer
