-- Asked on each new connection, with what the driver may do as the request:
-- whether there is a store, and whether this server keeps it.
local function key(name)
	return KEYS[1] .. ':' .. name
end

local policy = string.match(redis.call('INFO', 'memory'),
	'maxmemory_policy:([%w-]+)')
local version = redis.call('HGET', key('meta'), 'version')
local may = cjson.decode(ARGV[1])

-- Our keys with names of their own, by type. One of another type would let a
-- script fail behind its first writes, which nothing takes back.
local TYPES = {
	hash = { 'job', 'more', 'line', 'said', 'event', 'key', 'paused',
		'claimed', 'count' },
	zset = { 'all', 'due', 'lease', 'batches', 'expiry',
		'failed' },
	set = { 'queues', 'stocked', 'aparts', 'needed', 'risky' },
	list = { 'ended', 'dead' },
	stream = { 'inbox', 'inbox-refused' },
}
local foreign, its
for type, names in pairs(TYPES) do
	for _, name in ipairs(names) do
		local is = redis.call('TYPE', key(name)).ok
		if is ~= type and is ~= 'none' then
			foreign, its = key(name), is
		end
	end
end

if policy and string.sub(policy, 1, 8) == 'allkeys-' then
	return redis.error_reply('CONFIG its maxmemory-policy is ' .. policy
		.. ', which deletes jobs when memory is short: set it to '
		.. 'noeviction')
elseif version and tonumber(version) > 1 then
	return redis.error_reply('CONFIG the store has version ' .. version
		.. ', this jobq knows 1: install the newer one')
elseif not version and not may.create then
	return redis.error_reply('CONFIG there is no store: jobq-push makes '
		.. 'one, as does jobq-admin init')
elseif foreign then
	return redis.error_reply('CONFIG WRONGTYPE ' .. foreign .. ' is not '
		.. 'a key of ours, but a ' .. its .. ': delete it, or use '
		.. 'another prefix')
elseif not version then
	redis.call('HSET', key('meta'), 'version', 1)
end
return {}
