-- A job that ends, or waits again, without an event from outside.
local function lapse_to(id, job, stage, kind, reason, text)
	local line = '{"event":"' .. kind .. '","id":"' .. id .. '"'
		.. (job.stage == 'running' and ',"epoch":' .. job.epoch
			.. ',"worker":' .. quote(job.worker) or '')
		.. ',"at":"' .. time(now) .. '","reason":' .. quote(reason)
		.. (text and ',"error":' .. quote(text) or '')
		.. ',"state":"' .. STATE[stage] .. '"'
	keep(id, nil, nil, line, '')
	leave(id, job)
	if stage == 'ready' then
		if job.started then
			job.rescues = (job.rescues or 0) + 1
		end
		job.attempt = math.max(0, job.attempt - 1)
	elseif job.key then
		redis.call('HDEL', key('key'), job.queue .. '\0' .. job.key)
	end
	job.stage, job.lapses, job.cancel = stage, false, false
	job.settled, job.reason, job.error = false, reason, text or false
	job.ended = now
	enter(id, job)
	return line .. '}'
end

-- What becomes of a job whose lease ran out. A lapse before the start gives
-- the attempt back and is no rescue; the fourth rescue would be the poison
-- job's, which fails instead.
local function lapsed(job)
	if job.cancel then
		return 'cancelled', 'cancelled', job.cancel
	elseif not job.started or (job.rescues or 0) < 3 then
		return 'ready', 'released', 'lost'
	end
	return 'failed', 'failed', 'crash',
		'crashed 4 times: its worker was gone each time before it ended'
end

-- The jobs of a batch go over to lease, each by the time that it has, which is
-- later than the batch's if it was renewed. They are there before they leave
-- the batch.
local function part(number)
	local ids = redis.call('SMEMBERS', key('batch', number))
	load(ids)
	for _, id in ipairs(ids) do
		local job = jobs[id]
		if job and job.stage == 'running' then
			job.batch, changed[id] = false, true
			leased[#leased + 1] = text_of(job.lapses)
			leased[#leased + 1] = id
		end
	end
	flush()
	redis.call('DEL', key('batch', number))
	redis.call('ZREM', BATCHES, number)
end

-- Some of the batches whose time has come; of those in which all were renewed
-- more, or who finds nothing lapsed would take it that nothing has. The last
-- of them, when there may be more.
local function part_batches()
	local due
	for _ = 1, 10 do
		due = redis.call('ZRANGEBYSCORE', BATCHES, '-inf', now,
			'LIMIT', 0, 4)
		for _, number in ipairs(due) do
			part(number)
		end
		if #due < 4 then
			return nil
		elseif redis.call('ZCOUNT', LEASES, '-inf', now) > 0 then
			break
		end
	end
	return due[4]
end

-- Leases that ran out and jobs that expired (if some can), together no more
-- than a page. The events, those that are failed, and what part_batches() said.
local function lapse(can_expire)
	local lines, failed = {}, {}
	local parted = part_batches()
	local ids = until_time('lease', 100)
	load_said(ids)
	for _, id in ipairs(ids) do
		local line = lapse_to(id, jobs[id], lapsed(jobs[id]))
		lines[#lines + 1] = line
		if jobs[id].stage == 'failed' then
			failed[#failed + 1] = line
		end
	end
	flush()
	ids = can_expire and until_time('expiry', 400) or {}
	load_said(ids)
	for _, id in ipairs(ids) do
		lines[#lines + 1] = lapse_to(id, jobs[id], 'cancelled',
			'cancelled', 'expired')
	end
	flush()
	return lines, failed, parted
end
