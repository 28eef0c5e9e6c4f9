-- A dry run only says what would become of them.
-- include common.lua
-- include log.lua
-- include lapse.lua

local answer = {}
if truth(given(request.dry)) then
	local leases, expired = until_time('lease', 250),
		until_time('expiry', 250)
	for _, id in ipairs(batched(now)) do
		load({ id })
		if #leases < 250 and jobs[id] and jobs[id].stage == 'running'
			and jobs[id].lapses <= now then
			leases[#leases + 1] = id
		end
	end
	for _, id in ipairs(leases) do
		local _, kind, reason = lapsed(jobs[id])
		answer[#answer + 1] = '{"event":"' .. kind .. '","id":"' .. id
			.. '","reason":' .. quote(reason) .. '}'
	end
	for _, id in ipairs(expired) do
		answer[#answer + 1] = '{"event":"cancelled","id":"' .. id
			.. '","reason":"expired"}'
	end
	return answer
end
local lines, _, parted = lapse(true)
if parted then
	lines[#lines + 1] = '{"event":"page","after":"' .. parted .. '"}'
end
keep_log()
ring()
return lines
