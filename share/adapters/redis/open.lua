-- Asked on each new connection, with what the driver may do as the request:
-- whether there is a store, and whether this server keeps it.
local function key(name)
	return KEYS[1] .. ':' .. name
end

local policy = string.match(redis.call('INFO', 'memory'),
	'maxmemory_policy:([%w-]+)')
local version = redis.call('HGET', key('meta'), 'version')
local may = cjson.decode(ARGV[1])

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
elseif not version then
	redis.call('HSET', key('meta'), 'version', 1)
end
return {}
