-- A job that failed or was cancelled begins anew; one that waits out a backoff
-- is due at once. What runs, is completed or blocked stays.
-- include common.lua

local answer, seen = {}, {}

-- Whether another unfinished job has its key, or else this one has it now.
local function key_is_taken(id, job)
	local owner = job[KEY] and job[QUEUE] .. '\0' .. job[KEY]
	if not owner then
		return false
	elseif call('HSETNX', key('key'), owner, id) == 1 then
		return false
	end
	return true
end

local function again(id, job)
	leave(id, job)
	job[ATTEMPT] = job[STAGE] > COMPLETED and 0 or job[ATTEMPT]
	job[STAGE] = call('EXISTS', key('wants', id)) == 1 and BLOCKED or READY
	job[RUN], job[RESCUES], job[SNOOZES] = now, false, false
	job[SETTLED] = false
	if job[EXPIRES] and job[EXPIRES] <= now then
		job[EXPIRES], remade[id] = false, true
	end
	enter(id, job)
end

load(request.ids)
for _, id in ipairs(request.ids) do
	local job = jobs[id]
	if not seen[id] then
		local stage = job and job[STAGE]
		local done = 'false'
		seen[id] = true
		if stage and stage > COMPLETED and key_is_taken(id, job) then
			done = 'false,"why":"key"'
		elseif stage and (stage > COMPLETED or stage == SCHEDULED
			or stage == READY) then
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
