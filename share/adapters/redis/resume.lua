-- include common.lua

local answer, dry = {}, truth(given(request.dry))
for _, queue in ipairs(request.queues) do
	local paused = redis.call('HEXISTS', key('paused'), queue) == 1
	if not dry and paused then
		redis.call('HDEL', key('paused'), queue)
		rings[queue] = 'ready'
	end
	answer[#answer + 1] = '{"event":"resumed","queue":' .. quote(queue)
		.. ',"done":' .. tostring(paused) .. '}'
end
ring()
return answer
