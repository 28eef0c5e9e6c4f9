-- A waiting job is cancelled at once; a running one is flagged, and its worker
-- told at the next look; one whose worker is silent is cancelled when its
-- lease ends (lapse.lua).
-- include common.lua
-- include lapse.lua

local reason = given(request.reason) or 'cancel'
local answer, seen = {}, {}

load(request.ids)
load_said(request.ids)
for _, id in ipairs(request.ids) do
	local job = jobs[id]
	if not seen[id] then
		local was = job and STATE[job[STAGE]] or 'unknown'
		local done = false
		local more = ''
		seen[id] = true
		if job and job[STAGE] < RUNNING then
			lapse_to(id, job, CANCELLED, 'cancelled', reason)
			done = true
		elseif job and job[STAGE] == RUNNING then
			done = not job[CANCEL]
			more = ',"worker":' .. quote(job[WORKER])
				.. ',"asked_before":' .. tostring(not done)
			if done then
				job[CANCEL] = reason
				changed[id] = true
				rings[job[QUEUE]] = SCHEDULED
			end
		end
		answer[#answer + 1] = '{"event":"cancel","id":' .. quote(id)
			.. ',"was":"' .. was .. '","done":' .. tostring(done)
			.. more .. '}'
	end
end
flush()
keep_log()
ring()
return answer
