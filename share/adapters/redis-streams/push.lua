-- A job that is pushed is an entry with the fields id, job, max_attempts and
-- name. A job whose id is there changes nothing.
-- include common.lua
-- include json.lua
-- include job.lua
-- include ending.lua

local jobs, answer = request.jobs, {}

local function refusal(job)
	if job.priority ~= 0 then
		return 'priority: entries go in the order of the stream'
	elseif job.queue ~= 'default' then
		return 'queues: a stream is one queue, default'
	end
	for _, name in ipairs({ 'run_at_ms', 'expires_at_ms', 'key', 'flow',
		'needs' }) do
		local value = given(job[name])
		if value and (name ~= 'needs' or #value > 0)
			and not (name == 'run_at_ms' and value <= now) then
			return string.gsub(name, '_ms$', '')
				.. ': a stream has no place for it'
		end
	end
	return nil
end

for _, job in ipairs(jobs) do
	local why = refusal(job)
	if why then
		return refuse('UNSUPPORTED', why)
	end
end

-- Its state now, for one that was there before.
local function standing(entry)
	local job = unpacked('attempt', entry)
	local ended = not job and unpacked('ended', entry)
	local state = ended and ended.state
		or job and not job.waits and 'running' or 'pending'
	job = job or ended or { attempt = 0, run = entry_ms(entry) }
	return ',"attempt":' .. job.attempt .. ',"run_at":"' .. time(job.run)
		.. '","state":"' .. state .. '"}'
end

for i, job in ipairs(jobs) do
	local entry = call('HGET', key('id'), job.id)
	local fields = entry and payload(entry)
	if not fields then
		fields = { 'id', job.id, 'job', job.line .. '}',
			'max_attempts', job.max_attempts, 'name', job.name }
		entry = call('XADD', STREAM, '*', unpack(fields))
		call('HSET', key('id'), job.id, entry)
	end
	answer[i] = sub(fields[4], 1, -2) .. standing(entry)
end
any_ready = #jobs > 0
ring()
return answer
