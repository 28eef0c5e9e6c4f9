-- A queue that has no job yet can be paused, too.
-- include common.lua

local answer, dry = {}, truth(given(request.dry))
for _, queue in ipairs(request.queues) do
	local done = redis.call('HEXISTS', key('paused'), queue) == 0
	if not dry and done then
		redis.call('HSET', key('paused'), queue, now)
		redis.call('SADD', key('queues'), queue)
	end
	answer[#answer + 1] = '{"event":"paused","queue":' .. quote(queue)
		.. ',"done":' .. tostring(done) .. '}'
end
return answer
