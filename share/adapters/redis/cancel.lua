-- A waiting job is cancelled at once; a running one is flagged, and its worker
-- told at the next look; one whose worker is silent is cancelled when its
-- lease ends (lapse.lua).
-- include common.lua
-- include log.lua
-- include lapse.lua

local reason = given(request.reason) or 'cancel'
local answer, seen = {}, {}

load(request.ids)
load_said(request.ids)
for _, id in ipairs(request.ids) do
	local job = jobs[id]
	if not seen[id] then
		local was = job and STATE[job.stage] or 'unknown'
		local done = false
		local more = ''
		seen[id] = true
		if job and WAITS[job.stage] then
			lapse_to(id, job, 'cancelled', 'cancelled', reason)
			done = true
		elseif job and job.stage == 'running' then
			done = not job.cancel
			more = ',"worker":' .. quote(job.worker)
				.. ',"asked_before":' .. tostring(not done)
			if done then
				job.cancel = reason
				changed[id] = true
				rings[job.queue] = 'scheduled'
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
