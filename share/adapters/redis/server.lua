-- What the doctor asks of any server: sets answer, which say() adds to. ARGV[4]
-- is what the driver could learn of the server's settings, which a script
-- cannot ask for: {"appendfsync":...}.
local answer = {}
local settings = cjson.decode(ARGV[4])

local function say(check, ok, text, more)
	answer[#answer + 1] = '{"check":"' .. check .. '","ok":'
		.. tostring(ok and true or false) .. ',"text":'
		.. quote(text) .. (more or '') .. '}'
end

local function about(section, name)
	return string.match(redis.call('INFO', section), name .. ':([^\r\n]*)')
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
