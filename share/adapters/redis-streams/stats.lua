-- One line: a stream is one queue. What was acknowledged without our knowing
-- how it ended, by a peer or long ago, counts as completed.
-- include common.lua

local names, ours = given(request.queues) or {}, nil
ours = #names == 0
for _, queue in ipairs(names) do
	ours = ours or queue == 'default'
end
local info = group_info()
if not ours or not info then
	return {}
end

local waits = call('ZCARD', key('wait'))
local due = call('ZCOUNT', key('wait'), '-inf', now)
local new = undelivered(info, 10000)
local failed, cancelled = call('ZCARD', key('failed')),
	call('ZCARD', key('cancelled'))
local next_entry = new > 0 and call('XRANGE', STREAM,
	'(' .. info['last-delivered-id'], '+', 'COUNT', 1)[1]
local first = due > 0 and tonumber(call('ZRANGE', key('wait'), 0, 0,
	'WITHSCORES')[2]) or next_entry and entry_ms(next_entry[1])
local asked = call('ZRANGE', key('worker'), -1, -1, 'WITHSCORES')[2]
return { '{"queue":"default","blocked":0,"scheduled":' .. waits - due
	.. ',"ready":' .. due + new .. ',"running":'
	.. max(0, info.pending - waits) .. ',"completed":'
	.. max(0, call('XLEN', STREAM) - new - info.pending - failed
		- cancelled)
	.. ',"cancelled":' .. cancelled .. ',"failed":' .. failed
	.. (first and ',"oldest_ready":' .. max(0, now - first) / 1000 or '')
	.. (asked and ',"claimed_at":"' .. time(tonumber(asked)) .. '"' or '')
	.. '}' }
