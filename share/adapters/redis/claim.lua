-- One script does it all: what comes back is settled, what is due or lapsed
-- is put right (a little at a time), and the next jobs are taken.
-- events are words
-- include common.lua
-- include log.lua
-- include inbox.lua
-- include settle-events.lua
-- include retention.lua
-- include lapse.lua
-- include ready.lua
-- include take.lua

local queues = given(request.queues) or {}
local flow, ids = given(request.flow), given(request.ids)
local wanted, worker = given(request.limit) or 1, request.worker
local lease_ms = math.floor(1000 * (given(request.lease) or 30))
local answer = {}

write_anyway()
if event_count > 0 then
	settle(answer)
end
delete_finished(10 + event_count)
-- In most stores there is none of these, which is soon asked.
local seldom = redis.call('EXISTS', key('due'), key('expiry'),
	key('paused')) > 0
if seldom then
	due()
end
local _, failed = lapse(seldom)
local open = open_queues(queues, not seldom)

-- For the doctor and the why-line.
local asked_of = ids and {} or #queues > 0 and queues or { '' }
local asked = {}
for i, at in ipairs(fields(key('claimed'), asked_of)) do
	if tonumber(at or 0) < now - 1000 then
		asked[#asked + 1] = asked_of[i]
		asked[#asked + 1] = now
	end
end
batch(asked, 'HSET', key('claimed'))

local lease = ',"worker":' .. quote(worker) .. ',"seconds":'
	.. lease_ms / 1000
	.. (truth(given(request.ring)) and ',"ring":true' or '') .. '}}'
local lines, ready = {}, nil
if wanted > 0 and not ids and not flow and #open == 1 then
	ready = take_first(open[1], wanted, worker, lease_ms, lease, lines)
end
if not ready then
	local taken = {}
	if wanted > 0 and ids then
		taken = take_ids(ids, open, wanted)
	elseif wanted > 0 then
		taken = take_ready(open, flow, worker, wanted)
	end
	ready = #taken
	local fits = fit(taken)
	take(fits, worker, lease_ms)
	for i, line in ipairs(fields(LINE, fits)) do
		lines[2 * i - 1] = line
		lines[2 * i] = standing(jobs[fits[i]])
			.. ',"lease":{"epoch":'
			.. text_of(jobs[fits[i]].epoch) .. lease
	end
end
-- Fewer because there are no more, not because of their length.
local short = (ready < wanted and 2 * ready == #lines) or wanted == 0
keep_log()
-- Nobody need look for what was taken just now.
for queue, why in pairs(rings) do
	if why == 'ready' and redis.call('EXISTS', key('ready', queue),
		key('apart', queue)) == 0 then
		rings[queue] = nil
	end
end

if truth(given(request.ring)) then
	for _, line in ipairs(failed) do
		answer[#answer + 1] = line
	end
end

local running = given(request.held) or {}
local names = {}
for i, pair in ipairs(running) do
	names[i] = pair[1]
end
load(names)
for _, pair in ipairs(running) do
	local job = jobs[pair[1]]
	local lost = not job or job.epoch ~= pair[2] or job.worker ~= worker
		or job.stage ~= 'running'
	if lost or job.cancel then
		answer[#answer + 1] = '{"event":"stop","id":"' .. pair[1]
			.. '","epoch":' .. text_of(pair[2]) .. ',"reason":"'
			.. (lost and 'lost' or 'cancel') .. '"}'
	end
end

for _, line in ipairs(lines) do
	answer[#answer + 1] = line
end

-- What is left in the inbox may be of any queue and flow.
local in_inbox = short and redis.call('XLEN', key('inbox')) or 0

-- What is pending or running, said no further than 1000; what is blocked does
-- not count.
local function unfinished()
	local sum, names = in_inbox, {}
	if flow then
		names[1] = key('total', flow)
	elseif #queues == 0 then
		names[1] = key('count')
	else
		for i, queue in ipairs(queues) do
			names[i] = key('count', queue)
		end
	end
	for _, name in ipairs(names) do
		for _, n in ipairs(redis.call('HMGET', name, 'scheduled',
			'ready', 'running')) do
			sum = sum + (n or 0)
		end
	end
	return math.min(sum, 1000)
end

-- When the next job of these queues, or this flow, is due. Where a thousand
-- jobs of others are due before it the time of the thousandth is said.
local function next_due()
	local by_queue = {}
	for _, queue in ipairs(queues) do
		by_queue[queue] = true
	end
	local last
	for at = 0, 999, 100 do
		local due = redis.call('ZRANGE', key('due'), at, at + 99)
		load(due)
		for _, id in ipairs(due) do
			local job = jobs[id]
			last = job and job.run or last
			if job and (not flow or job.flow == flow)
				and (#queues == 0 or by_queue[job.queue]) then
				return last
			end
		end
		if #due < 100 then
			return nil
		end
	end
	return last
end

if short then
	local at = in_inbox > 0 and now or next_due()
	local narrow = #queues > 0 or flow
	answer[#answer + 1] = '{"event":"idle"'
		.. (at and ',"next_in":' .. math.max(0, at - now) / 1000 or '')
		.. ((not narrow or given(request.count)) and ',"unfinished":'
			.. unfinished() or '') .. '}'
end
ring()
return answer
