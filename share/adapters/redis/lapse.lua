-- A job that ends, or waits again, without an event from outside.
local function lapse_to(id, job, stage, kind, reason, text)
	local line = '{"event":"' .. kind .. '","id":"' .. id .. '"'
		.. (job[STAGE] == RUNNING and ',"epoch":' .. job[EPOCH]
			.. ',"worker":' .. quote(job[WORKER]) or '')
		.. ',"at":"' .. time(now) .. '","reason":' .. quote(reason)
		.. (text and ',"error":' .. quote(text) or '')
		.. ',"state":"' .. STATE[stage] .. '"'
	keep(id, nil, nil, line, '')
	leave(id, job)
	if stage == READY then
		if job[STARTED] then
			job[RESCUES] = (job[RESCUES] or 0) + 1
		end
		job[ATTEMPT] = max(0, job[ATTEMPT] - 1)
	elseif job[KEY] then
		call('HDEL', key('key'), job[QUEUE] .. '\0' .. job[KEY])
	end
	job[STAGE], job[UNTIL], job[CANCEL] = stage, false, false
	job[SETTLED], job[REASON], job[ERROR] = false, reason, text or false
	job[ENDED] = now
	enter(id, job)
	return line .. '}'
end

-- What becomes of a job whose lease ran out. A lapse before the start gives
-- the attempt back and is no rescue; the fourth rescue would be the poison
-- job's, which fails instead.
local function lapsed(job)
	if job[CANCEL] then
		return CANCELLED, 'cancelled', job[CANCEL]
	elseif not job[STARTED] or (job[RESCUES] or 0) < 3 then
		return READY, 'released', 'lost'
	end
	return FAILED, 'failed', 'crash',
		'crashed 4 times: its worker was gone each time before it ended'
end

-- Leases that ran out and jobs that expired (if some can), together no more
-- than a page. The events, and those that are failed.
local function lapse(can_expire)
	local lines, failed = {}, {}
	local ids = until_time('lease', 100)
	load(ids)
	load_said(ids)
	for _, id in ipairs(ids) do
		local line = lapse_to(id, jobs[id], lapsed(jobs[id]))
		lines[#lines + 1] = line
		if jobs[id][STAGE] == FAILED then
			failed[#failed + 1] = line
		end
	end
	if #ids > 0 then
		flush()
	end
	ids = can_expire and until_time('expiry', 400) or {}
	load(ids)
	load_said(ids)
	for _, id in ipairs(ids) do
		lines[#lines + 1] = lapse_to(id, jobs[id], CANCELLED,
			'cancelled', 'expired')
	end
	if #ids > 0 then
		flush()
	end
	return lines, failed
end
