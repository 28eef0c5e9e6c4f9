-- One script does it all: what comes back is settled, what workers have left
-- is put right, and the next jobs are taken, never more than were asked for.
-- include common.lua
-- include json.lua
-- include job.lua
-- include result.lua
-- include ending.lua
-- include settle-events.lua
-- include lapse.lua
-- include take.lua

local events, ids = given(request.events) or {}, given(request.ids)
local queues = given(request.queues) or {}
local wanted, worker = given(request.limit) or 1, request.worker
local lease_ms = floor(1000 * (given(request.lease) or 30))
local answer, held = {}, {}

-- The group may have been taken away under our feet.
local info = group_info()
if not info then
	local failed = make_group()
	if failed then
		return failed
	end
	info = group_info()
end
if given(request.flow) then
	return refuse('UNSUPPORTED', 'flow: a stream knows no flows')
elseif worker == PARK then
	return refuse('CONFIG', PARK .. ' is the consumer of what waits: '
		.. 'give another --worker')
end
local new = ids and named_new(ids, info)
if new == false then
	return refuse('UNSUPPORTED', 'ids: a group gives out the next entry '
		.. 'of the stream only: claim without ids, or the first ones')
end

-- A stream is one queue.
local ours = #queues == 0
for _, queue in ipairs(queues) do
	ours = ours or queue == 'default'
end
wanted = ours and wanted or 0
-- Nothing is taken before what others could not carry is out of the way.
if carry_due() then
	wanted = 0
end

settle(events, answer)
prune(10 + #events)
lapse()
remove_worker()
for _, pair in ipairs(given(request.held) or {}) do
	held[entry_of(pair[1])] = true
end
if truth(given(request.first)) then
	own(worker, held)
end

if wanted > 0 and ids then
	take_named(ids, wanted, worker, lease_ms)
	take_new(min(wanted, #taken + new), worker, lease_ms, 500)
elseif wanted > 0 then
	take_due(wanted, worker, lease_ms)
	strangers(wanted - #taken, lease_ms)
	take_due(wanted, worker, lease_ms)
	if counted(info, 'lag') ~= 0 then
		take_new(wanted, worker, lease_ms, 500)
	end
end
if #taken > 0 then
	call('ZADD', key('worker'), now, worker)
end
flush()

for _, line in ipairs(failed_lines) do
	answer[#answer + 1] = line
end
for _, pair in ipairs(given(request.held) or {}) do
	if not holds(entry_of(pair[1]), pair[2], worker) then
		answer[#answer + 1] = '{"event":"stop","id":"' .. pair[1]
			.. '","epoch":' .. pair[2] .. ',"reason":"lost"}'
	end
end

-- What all lines of a job end with, but for its closing brace.
local function standing(job)
	return ',"attempt":' .. job.attempt .. ',"run_at":"' .. time(job.run)
		.. '","state":"running"'
end

local lease = ',"worker":' .. quote(worker) .. ',"seconds":'
	.. lease_ms / 1000
	.. (truth(given(request.ring)) and ',"ring":true' or '') .. '}}'
for _, one in ipairs(taken) do
	local job = record(one.entry)
	answer[#answer + 1] = one.line .. standing(job) .. ',"lease":{"epoch":'
		.. job.epoch .. lease
end

-- Fewer than asked for because there are no more, not because of their length.
if wanted == 0 or room(wanted) then
	local due = call('ZRANGEBYSCORE', key('wait'), '(' .. now, '+inf',
		'WITHSCORES', 'LIMIT', 0, 1)
	info = group_info()
	answer[#answer + 1] = '{"event":"idle"'
		.. (due[2] and ',"next_in":' .. (due[2] - now) / 1000 or '')
		.. ((#queues == 0 or given(request.count)) and ',"unfinished":'
			.. min(info.pending
				+ undelivered(info, 1000 - info.pending), 1000) or '')
		.. '}'
end
ring()
return behind_outbox(answer, #taken > 0)
