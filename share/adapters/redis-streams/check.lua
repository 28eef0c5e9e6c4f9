-- What the doctor asks.
-- include common.lua
-- include server.lua

local info = group_info()
if not info then
	say('group', false, 'the stream ' .. STREAM .. ' has no group '
		.. GROUP .. ' any more: jobq-admin init makes it')
	return answer
end
say('group', true, 'group ' .. GROUP .. ' of ' .. STREAM .. ' has '
	.. info.consumers .. ' consumers and ' .. info.pending
	.. ' pending entries, ' .. call('ZCARD', key('wait'))
	.. ' of which wait (' .. PARK .. '); ' .. undelivered(info, 10000)
	.. ' entries are new')
local late = call('ZCOUNT', key('lease'), '-inf', now - 60000)
say('lapsed', late == 0, late .. ' jobs whose lease ran out more than a '
	.. 'minute ago wait for a claim')
for _, name in ipairs({ 'results', 'dead' }) do
	local stream = parameter[name]
	local there = stream ~= '' and pcall_redis('TYPE', stream) or {}
	local kind = there.err and 'stream, on another node of the cluster'
		or there.ok or 'none'
	say(name, there.err or kind == 'none' or kind == 'stream', stream == ''
		and 'nothing is written: no ' .. name .. '= in the URL'
		or stream .. (kind == 'none' and ' is made with the first one'
			or ' is a ' .. kind))
end
if about('cluster', 'cluster_enabled') == '1' then
	say('cluster', true, 'the server is part of a cluster; '
		.. call('ZCARD', key('out')) .. ' endings are to be written '
		.. 'on another node of it before they are acknowledged')
end
return answer
