-- Asked on each new connection, with what the driver may do as the request:
-- whether there is the group, and whether this server keeps it. The store is
-- the group of the stream; who may make one makes both.
-- include common.lua

local policy = match(call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)')
if policy and sub(policy, 1, 8) == 'allkeys-' then
	return refuse('CONFIG', 'its maxmemory-policy is ' .. policy
		.. ', which deletes streams when memory is short: set it to '
		.. 'noeviction')
end
if STREAM == '' or GROUP == '' then
	return refuse('CONFIG', 'stream and group must have names')
elseif not find('json text ', parameter.as .. ' ', 1, true) then
	return refuse('CONFIG', 'as=' .. parameter.as
		.. ': must be json or text')
elseif parameter.results == STREAM or parameter.dead == STREAM then
	return refuse('CONFIG', 'results and dead must be other streams than '
		.. STREAM)
elseif parameter.max_attempts ~= ''
	and not find(parameter.max_attempts, '^[1-9]%d?%d?%d?%d?%d?$') then
	return refuse('CONFIG', 'max_attempts=' .. parameter.max_attempts
		.. ': must be a number from 1 on')
elseif parameter.idle ~= '' and not find(parameter.idle, '^%d+%.?%d*$') then
	return refuse('CONFIG', 'idle=' .. parameter.idle
		.. ': must be seconds')
end
-- A node of a cluster has a part of the keys. Where results and dead are does
-- not matter (outbox.lua).
local there = pcall_redis('EXISTS', key('attempt'))
if type(there) == 'table' then
	return refuse('CONFIG', 'the key ' .. key('attempt') .. ' is on '
		.. 'another node of the cluster than ' .. STREAM
		.. ': give a prefix without a {tag}, or with that of the '
		.. 'stream')
end
local kind = call('TYPE', STREAM).ok
if kind ~= 'stream' and kind ~= 'none' then
	return refuse('CONFIG', 'the key ' .. STREAM .. ' is no stream but a '
		.. kind)
elseif group_info() then
	return {}
elseif not request.create then
	return refuse('CONFIG', 'the stream ' .. STREAM .. ' has no group '
		.. GROUP .. ': jobq-admin init makes it, as do jobq-claim and '
		.. 'jobq-push')
end
return make_group() or {}
