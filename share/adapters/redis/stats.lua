-- One line a queue, from counters that every change keeps.
-- include common.lua

local names = given(request.queues)
if not names or #names == 0 then
	names = redis.call('SMEMBERS', key('queues'))
end
table.sort(names)

local function since(name, queue)
	return tonumber(redis.call('HGET', key(name), queue) or nil)
end

-- Jobs of all queues are asked for by no name.
local any = since('claimed', '')

-- How long the job that is ready since the longest has been: the first of
-- ready that was pushed, or became due, at least among the first 100.
local function oldest(queue)
	local first = nil
	local ids = {}
	for _, member in ipairs(redis.call('ZRANGE', key('ready', queue), 0,
		99)) do
		ids[#ids + 1] = placed(member)
	end
	for _, member in ipairs(redis.call('ZRANGE', key('apart', queue), 0,
		99)) do
		ids[#ids + 1] = placed(member)
	end
	load(ids)
	for _, id in ipairs(ids) do
		local job = jobs[id]
		local at = job and math.max(job.run, job.pushed)
		first = at and math.min(first or at, at) or first
	end
	return first
end

-- Jobs whose time has come, but that no claim has seen to yet, are ready.
local due, overdue = until_time('due', 5000), {}
for _, id in ipairs(due) do
	local queue = jobs[id].queue
	local of = overdue[queue] or { count = 0, first = jobs[id].run }
	of.count = of.count + 1
	overdue[queue] = of
end

local answer = {}
for _, queue in ipairs(names) do
	local n = redis.call('HMGET', key('count', queue), 'blocked',
		'scheduled', 'ready', 'running', 'completed', 'cancelled',
		'failed')
	local first, late = oldest(queue), overdue[queue]
	local claimed, paused = since('claimed', queue), since('paused', queue)
	claimed = math.max(claimed or 0, any or 0)
	for i = 1, 7 do
		n[i] = tonumber(n[i] or 0)
	end
	if late then
		n[2], n[3] = n[2] - late.count, n[3] + late.count
		first = math.min(first or late.first, late.first)
	end
	if redis.call('SISMEMBER', key('queues'), queue) == 1 then
		answer[#answer + 1] = '{"queue":' .. quote(queue)
			.. ',"blocked":' .. n[1] .. ',"scheduled":' .. n[2]
			.. ',"ready":' .. n[3] .. ',"running":' .. n[4]
			.. ',"completed":' .. n[5] .. ',"cancelled":' .. n[6]
			.. ',"failed":' .. n[7]
			.. (first and ',"oldest_ready":'
				.. math.max(0, now - first) / 1000 or '')
			.. (claimed > 0 and ',"claimed_at":"' .. time(claimed)
				.. '"' or '')
			.. (paused and ',"paused_at":"' .. time(paused)
				.. '"' or '') .. '}'
	end
end
return answer
