-- What the doctor asks. ARGV[4] is what the driver could learn of the server's
-- settings, which a script cannot ask for: {"appendfsync":...}.
-- include common.lua

local answer = {}
local settings = cjson.decode(ARGV[4])

local function say(check, ok, text, more)
	answer[#answer + 1] = '{"check":"' .. check .. '","ok":'
		.. tostring(ok and true or false) .. ',"text":' .. quote(text) .. (more or '')
		.. '}'
end

local function about(section, name)
	return match(call('INFO', section), name .. ':([^\r\n]*)')
end

local SYNC = {
	always = 'what is acknowledged is on disk',
	everysec = 'a crash of the machine can lose the last second of what '
		.. 'was acknowledged; always loses nothing',
	no = 'a crash of the machine can lose the last half a minute of what '
		.. 'was acknowledged; set it to always, or to everysec',
}
local sync = settings.appendfsync
if about('persistence', 'aof_enabled') == '0' then
	say('durability', false, 'there is no append-only file: a crash of '
		.. 'the server loses all since its last snapshot; set '
		.. 'appendonly yes and appendfsync always')
elseif SYNC[sync or ''] then
	say('durability', sync ~= 'no', 'appendfsync is ' .. sync .. ': '
		.. SYNC[sync])
else
	say('durability', true, 'the append-only file is on; how often it '
		.. 'goes to disk (appendfsync) is not ours to ask here')
end
if about('persistence', 'aof_last_write_status') == 'err' then
	say('disk', false, 'the server cannot write its append-only file')
end
say('clock', true, 'times are by the clock of the server',
	',"at":"' .. time(now) .. '"')

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
