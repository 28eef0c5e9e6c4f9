-- How jobs end and wait. Included by whatever changes a job.
--
-- An ending is written in this order, for where the results are no stream it
-- can fail in between: the result first, then the acknowledgement, then what
-- we keep. So what is acknowledged has its result, maybe twice. Where another
-- node of a cluster has the results, see outbox.lua.
-- include outbox.lua
local DAY = 86400000
local failed_lines, any_ready = {}, false

local function keep_ended(entry, job, kind)
	local stay = kind == 'failed' and 7 * DAY or DAY
	call('HSET', key('ended'), entry, cmsgpack.pack(job))
	call('ZADD', key('prune'), now + stay, entry)
	if kind ~= 'completed' then
		call('ZADD', key(kind), entry_ms(entry), entry)
	end
end

-- No script can hand on more words in one call, and no answer that must carry
-- them to another node may be much longer.
local BURIED_WORDS, BURIED_BYTES = 7000, 16777216

local function can_be_buried(words)
	local bytes = 0
	for _, word in ipairs(words) do
		bytes = bytes + #word
	end
	return #words <= BURIED_WORDS and bytes <= BURIED_BYTES
end

-- The entry with what became of it, where somebody looks for dead letters; one
-- that is too large is named only.
local function buried(entry, job, ended)
	local words = payload(entry) or {}
	if not can_be_buried(words) then
		words = { 'jobq_entry', entry }
	end
	for _, word in ipairs({ 'jobq_id', job.id, 'jobq_reason',
		ended.reason or '', 'jobq_error', ended.error or '',
		'jobq_attempt', job.attempt }) do
		words[#words + 1] = word
	end
	return words
end

-- No line may hold a NUL, but a plugin may be asked for by one.
local function without_nul(text)
	return (string.gsub(text, '%z', '\239\191\189'))
end

local function acknowledge(entry, job, kind)
	call('XACK', STREAM, GROUP, entry)
	forget(entry)
	job.state, job.ended, job.waits, job.out = kind, now, nil, nil
	keep_ended(entry, job, kind)
end

-- The end of a job for good. ended is told in result.lua.
local function finish(entry, job, kind, ended)
	local words = parameter.results ~= '' and result_of(kind, ended, job)
	local far = {}
	if words then
		write(parameter.results, words, far)
	end
	if kind == 'failed' and parameter.dead ~= '' then
		write(parameter.dead, buried(entry, job, ended), far)
	end
	job.reason = ended.reason
	job.error = ended.error and without_nul(ended.error)
	if #far > 0 then
		put_out(entry, job, kind, far)
	else
		acknowledge(entry, job, kind)
	end
end

-- A job that fails without an event of a worker: loudly.
local function fail(entry, job, reason, text)
	local running = job.epoch > 0 and not job.waits
	failed_lines[#failed_lines + 1] = '{"event":"failed","id":"' .. job.id
		.. '"' .. (running and job.worker and ',"epoch":' .. job.epoch
			.. ',"worker":' .. quote(job.worker) or '')
		.. ',"at":"' .. time(now) .. '","reason":"' .. reason
		.. '","error":' .. quote(without_nul(text))
		.. ',"state":"failed"}'
	finish(entry, job, 'failed', { reason = reason, error = text })
end

-- What waits is pending as that of PARK. One whose payload is gone cannot be
-- given to it; it is found out when its time comes.
local function park(entry, job, run, count)
	if payload(entry) then
		give(entry, PARK, count)
	end
	job.waits, job.run, job.ended = true, run, now
	call('ZREM', key('lease'), entry)
	call('ZADD', key('wait'), run, entry)
	any_ready = any_ready or run <= now
	change(entry)
end

local function lose_payload(entry, job)
	fail(entry, job or { id = entry, attempt = 0, rescues = 0,
		snoozes = 0, epoch = 0, run = entry_ms(entry) },
		'lost_payload', 'entry ' .. entry .. ' of ' .. STREAM
		.. ' was trimmed away before it was done')
end

-- An entry that is no job: the record has what could be read of it.
local function refuse_entry(entry, job, why, note)
	job = job or { id = entry, attempt = 0, rescues = 0, snoozes = 0,
		epoch = 0, run = entry_ms(entry) }
	job.note = note or job.note
	fail(entry, job, 'bad_entry', note and why
		or 'entry ' .. entry .. ' of ' .. STREAM .. ' is no job: '
		.. why)
end

-- The worker of an entry is gone: it is tried again at once, its attempt given
-- back; that is a rescue when it had started. Who the worker was is in had.
-- True when it waits now, and has not failed.
local function rescue(entry, had)
	local job = record(entry)
	local fields = not job and payload(entry)
	if job and job.out then
		return false
	elseif not job and not fields then
		lose_payload(entry)
		return false
	elseif not job then
		-- A consumer that is not ours: nothing is known, so it started.
		local read, why, note = read_job(entry, fields)
		if not read then
			refuse_entry(entry, nil, why, note)
			return false
		end
		job = new_record(entry, read)
		job.started, job.worker = now, had.consumer
	end
	job.epoch = had.count
	if job.started and job.rescues >= 3 then
		fail(entry, job, 'crash', 'crashed 4 times')
		return false
	end
	job.rescues = job.rescues + (job.started and 1 or 0)
	job.attempt = max(0, job.attempt - 1)
	job.settled, job.reason, job.error = nil, 'lost', nil
	park(entry, job, job.run, had.count)
	return true
end

-- What was kept of jobs that ended, a little at a time.
local function prune(most)
	for _, entry in ipairs(call('ZRANGEBYSCORE', key('prune'), '-inf', now,
		'LIMIT', 0, most)) do
		local job = unpacked('ended', entry)
		if job then
			call('HDEL', key('id'), job.id)
		end
		call('HDEL', key('ended'), entry)
		for _, name in ipairs({ 'prune', 'failed', 'cancelled' }) do
			call('ZREM', key(name), entry)
		end
	end
end

-- Who waits for jobs is told when one can be taken; what is told says nothing.
-- Where we may not publish they look later.
local function ring()
	if not any_ready then
		return
	end
	pcall_redis('PUBLISH', PREFIX .. ':ring:default', '')
	pcall_redis('PUBLISH', PREFIX .. ':ring', '')
end
