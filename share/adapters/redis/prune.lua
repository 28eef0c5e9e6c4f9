-- Without older_ms what retention allows; with it all that ended before. A dry
-- run finds the same jobs on its next page: it goes on behind a cursor, the
-- number of jobs that it has passed.
-- include common.lua
-- include retention.lua

local limit, older = given(request.limit) or 500, given(request.older_ms)
local dry = truth(given(request.dry))
local at = dry and tonumber(given(request.after) or 0) or 0
local answer, out, more = {}, {}, false

-- The order is that of prune; when a job ended is in the job. Retention is at
-- least a day, so that nothing which ended before is behind this.
local high = older and now - older + 604800000 or now
repeat
	local ids = call('ZRANGEBYSCORE', key('prune'), '-inf', high, 'LIMIT',
		at, 500)
	load(ids)
	for _, id in ipairs(ids) do
		if #out >= limit then
			more = true
			break
		end
		at = at + 1
		if not older or jobs[id][ENDED] <= now - older then
			out[#out + 1] = id
			answer[#answer + 1] = '{"event":"pruned","id":"' .. id
				.. '"}'
		end
	end
until more or #ids < 500
if dry then
	if more then
		answer[#answer + 1] = '{"event":"page","after":' .. at .. '}'
	end
	return answer
end
delete(out)
return answer
