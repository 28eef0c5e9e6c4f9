-- What the doctor asks.
-- include common.lua
-- include server.lua

local policy, most = about('memory', 'maxmemory_policy'),
	about('memory', 'maxmemory')
say('memory', true, 'maxmemory is ' .. (most == '0' and 'not set' or most
	.. ' bytes') .. ', its policy ' .. (policy or 'unknown')
	.. ': no job is ever evicted')
say('schema', true, 'schema version '
	.. redis.call('HGET', key('meta'), 'version'))

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
