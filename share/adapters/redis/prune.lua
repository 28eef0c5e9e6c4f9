-- Without older_ms what retention allows; with it all that ended before. A dry
-- run finds the same jobs on its next page: it goes on behind a cursor, how
-- many entries of the lists it has passed.
-- include common.lua
-- include log.lua
-- include retention.lua

local limit, older = given(request.limit) or 500, given(request.older_ms)
local dry, answer = truth(given(request.dry)), {}
local before = older and now - older

local function say(ids)
	for _, id in ipairs(ids) do
		answer[#answer + 1] = '{"event":"pruned","id":"' .. id .. '"}'
	end
end

if not dry then
	-- Entries that are nobody's may fill a page.
	for _ = 1, 20 do
		say(delete_finished(limit - #answer, before))
		if #answer >= limit then
			break
		end
	end
	return answer
end
local at = { ended = 0, dead = 0 }
if given(request.after) then
	at.ended, at.dead = string.match(request.after, '^(%d+),(%d+)$')
end
for list, retained in pairs(RETAINED) do
	local most = limit - #answer
	while most > 0 do
		local ids, passed, more = finished(list, at[list], most,
			before or now - retained)
		say(ids)
		at[list] = at[list] + passed
		most = more and limit - #answer or 0
	end
end
if #answer >= limit then
	answer[#answer + 1] = string.format('{"event":"page","after":"%d,%d"}',
		at.ended, at.dead)
end
return answer
