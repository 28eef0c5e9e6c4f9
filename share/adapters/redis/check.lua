-- What the doctor asks. ARGV[4] is what the driver could learn of the server's
-- settings, which a script cannot ask for: {"appendfsync":...}.
-- include common.lua

local answer = {}
local settings = cjson.decode(ARGV[4])

local function say(check, ok, text, more)
	answer[#answer + 1] = '{"check":"' .. check .. '","ok":'
		.. tostring(ok) .. ',"text":' .. quote(text) .. (more or '')
		.. '}'
end

local function info(section, name)
	return string.match(redis.call('INFO', section), name .. ':([^\r\n]*)')
end

local aof, fsync = info('persistence', 'aof_enabled'), settings.appendfsync
if aof == '0' then
	say('durability', false, 'there is no append-only file: a crash of '
		.. 'the server loses all since its last snapshot; set '
		.. 'appendonly yes and appendfsync always')
elseif fsync == 'always' then
	say('durability', true, 'appendfsync is always: what is acknowledged '
		.. 'is on disk')
elseif fsync == 'everysec' then
	say('durability', true, 'appendfsync is everysec: a crash of the '
		.. 'machine can lose the last second of what was '
		.. 'acknowledged; always loses nothing')
elseif fsync == 'no' then
	say('durability', false, 'appendfsync is no: a crash of the machine '
		.. 'can lose the last half a minute of what was acknowledged; '
		.. 'set it to always, or to everysec')
else
	say('durability', true, 'the append-only file is on; how often it '
		.. 'goes to disk (appendfsync) is not ours to ask here')
end
if info('persistence', 'aof_last_write_status') == 'err' then
	say('disk', false, 'the server cannot write its append-only file')
end

local policy, most = info('memory', 'maxmemory_policy'),
	info('memory', 'maxmemory')
say('memory', true, 'maxmemory is ' .. (most == '0' and 'not set' or most
	.. ' bytes') .. ', its policy ' .. (policy or 'unknown')
	.. ': no job is ever evicted')
say('schema', true, 'schema version '
	.. redis.call('HGET', key('meta'), 'version'))
say('clock', true, 'times are by the clock of the server',
	',"at":"' .. time(now) .. '"')

local late = redis.call('ZCOUNT', key('lease'), '-inf', now - 60000)
local together = batched(now - 60000)
load(together)
for _, id in ipairs(together) do
	if jobs[id] and jobs[id].stage == 'running'
		and jobs[id].lapses <= now - 60000 then
		late = late + 1
	end
end
say('lapsed', late == 0, late .. ' jobs whose lease ran out more than a '
	.. 'minute ago wait for a claim or jobq-admin reap')
local inbox, refused = redis.call('XLEN', key('inbox')),
	redis.call('XLEN', key('inbox-refused'))
say('inbox', refused == 0, refused == 0 and inbox
	.. ' entries of the inbox wait for a claim or a list'
	or refused .. ' entries of the inbox were no jobs: XRANGE '
	.. key('inbox-refused') .. ' - + says why')
return answer
