-- Every write to a running job is compare-and-set on (epoch, worker): a job is
-- held by an event when both are equal. Of several endings of a job in one
-- batch the first counts; what was said before it is kept, what comes behind
-- it is stale. An event that is kept already is answered as it was.
local ENDINGS = { completed = true, failed = true, cancelled = true,
	released = true, snoozed = true }

-- What an ending makes of its job. A job whose cancelling was asked for does
-- not wait for another attempt.
local function outcome(event, job)
	local kind = event.event
	if kind == 'completed' then
		return COMPLETED
	elseif kind == 'cancelled' then
		return CANCELLED
	elseif kind == 'failed' and (given(event.retry) == false
		or given(event.retry) == 0 or job[ATTEMPT] >= job[MOST]) then
		return FAILED
	elseif kind == 'snoozed' and (job[SNOOZES] or 0) >= 100
		and job[ATTEMPT] >= job[MOST] then
		return FAILED
	elseif job[CANCEL] then
		return CANCELLED
	elseif kind == 'released' then
		return READY
	end
	return SCHEDULED
end

local function run_again(event, job)
	local wait = given(event.retry_after_ms)
	if event.event == 'released' then
		return job[RUN]
	elseif wait then
		return now + wait
	elseif event.event == 'snoozed' then
		return now + 60000
	end
	return now + min(3600000, floor(15000 * 2 ^ min(job[ATTEMPT] - 1, 20)
		* (0.9 + math.random(0, 2000) / 10000)))
end

local function end_job(event, id, job)
	local stage = outcome(event, job)
	local run = stage < RUNNING and run_again(event, job)
	leave(id, job)
	if job[ATTEMPT] > 0 and (event.event == 'released'
		or (event.event == 'snoozed' and (job[SNOOZES] or 0) < 100))
	then
		job[ATTEMPT] = job[ATTEMPT] - 1
	end
	if event.event == 'snoozed' then
		job[SNOOZES] = (job[SNOOZES] or 0) + 1
	end
	job[REASON] = given(event.reason) or false
	if stage == CANCELLED and job[CANCEL] then
		job[REASON] = job[CANCEL]
	end
	job[ERROR] = given(event.error) or false
	job[STAGE], job[SETTLED] = stage, event.event
	job[ENDED], job[HEARD] = now, now
	job[UNTIL], job[CANCEL] = false, false
	if stage < RUNNING then
		job[RUN] = run
	elseif job[KEY] then
		call('HDEL', key('key'), job[QUEUE] .. '\0' .. job[KEY])
	end
	enter(id, job)
	return ',"state":"' .. STATE[stage] .. '"'
		.. (stage < RUNNING and ',"run_at":"' .. time(run) .. '"' or '')
end

-- A job that has not ended: it was heard from. Its lease goes on unless it
-- ends later in the batch.
local heard = {}

local function hear(event, id, job)
	job[HEARD] = now
	if event.event == 'started' and not job[STARTED] then
		job[STARTED] = now
	end
	heard[id] = job
end

local function renew_lease(id, job)
	job[UNTIL] = now + job[LEASE]
	leased[#leased + 1] = text_of(job[UNTIL])
	leased[#leased + 1] = id
	changed[id] = true
end

local function renew_heard()
	for id, job in pairs(heard) do
		if job[STAGE] == RUNNING then
			renew_lease(id, job)
		end
	end
	heard = {}
end

-- What needed a job that is completed now no longer waits for it; a job whose
-- last need this was can start, or waits for its time.
local function free(completed)
	if #completed == 0 then
		return
	end
	local needed = call('SMISMEMBER', key('needed'), unpack(completed))
	for i, id in ipairs(completed) do
		local children = {}
		if needed[i] == 1 then
			children = call('SMEMBERS', key('needs', id))
			call('DEL', key('needs', id))
			call('SREM', key('needed'), id)
			load(children)
		end
		for _, child in ipairs(children) do
			local job = jobs[child]
			call('SREM', key('wants', child), id)
			if job and job[STAGE] == BLOCKED and
				call('EXISTS', key('wants', child)) == 0 then
				leave(child, job)
				job[STAGE] = job[RUN] <= now and READY
					or SCHEDULED
				enter(child, job)
			end
		end
	end
end

local function pairs_of(event)
	return given(event.jobs) or {}
end

-- The answer to an alive, which names its jobs by (id, epoch). One that waits
-- (a claim's, for what it has printed) renews only what has not started.
local function renew(event)
	local lost, started, waiting = {}, {}, truth(given(event.waiting))
	for _, named in ipairs(pairs_of(event)) do
		local id, epoch = named[1], named[2]
		local job = jobs[id]
		local text = '["' .. id .. '",' .. epoch .. ']'
		if not job or job[STAGE] ~= RUNNING or job[EPOCH] ~= epoch
			or job[WORKER] ~= event.worker then
			lost[#lost + 1] = text
		else
			if job[STARTED] then
				started[#started + 1] = text
			end
			if not job[STARTED] or not waiting then
				renew_lease(id, job)
			end
		end
	end
	return ',"lost":[' .. concat(lost, ',') .. ']'
		.. (waiting and ',"started":[' .. concat(started, ',') .. ']'
			or '') .. '}'
end

-- Whether the event is in the log, and was its worker's.
local function known(event, id, job)
	return given(event.n) and not ENDINGS[event.event]
		and job[WORKER] == event.worker
		and is_kept(id, job,
			text_of(event.epoch) .. ':' .. text_of(event.n))
end

-- Most events are the completion of a job of which nothing else has to be
-- known: what end_job() and leave() do of it, in one go.
local COMPLETION = ',"settled":true,"state":"completed"}'

local function is_plain(event, job)
	return event.event == 'completed' and job and job[STAGE] == RUNNING
		and job[EPOCH] == event.epoch and job[WORKER] == event.worker
		and not job[FLOW] and not job[KEY] and not job[RESCUES]
end

local function complete(event, job)
	local id = event.id
	job[STAGE], job[SETTLED] = COMPLETED, 'completed'
	job[ENDED], job[HEARD], job[UNTIL] = now, now, false
	job[REASON] = given(event.reason) or false
	job[ERROR], job[CANCEL] = given(event.error) or false, nil
	keep(id, job, event.epoch, given(event.n), event.line,
		',"state":"completed"')
	let_go[#let_go + 1] = id
	ended[#ended + 1] = text_of(now) .. ' ' .. id
	changed[id] = true
end

-- The settled of one event, and what follows it.
local function settle_one(event, completed)
	local id = given(event.id)
	local job = id and jobs[id]
	if not job or not given(event.epoch) then
		return ',"settled":"unknown"}'
	elseif job[EPOCH] == event.epoch and job[WORKER] == event.worker
		and job[STAGE] == RUNNING then
		local more = ''
		if ENDINGS[event.event] then
			more = end_job(event, id, job)
			if job[STAGE] == COMPLETED then
				completed[#completed + 1] = id
			end
		else
			hear(event, id, job)
		end
		keep(id, job, event.epoch, given(event.n), event.line, more)
		return ',"settled":true' .. more .. '}'
	elseif (job[EPOCH] == event.epoch and job[WORKER] == event.worker
		and job[SETTLED] == event.event) or known(event, id, job) then
		return ',"settled":true}'
	end
	return ',"settled":"stale"}'
end

-- Adds the answers to answer, in the order of the events, each as two pieces.
local function settle(events, answer)
	local ids, completed = {}, {}
	local base = #answer
	for _, event in ipairs(events) do
		if event.event == 'alive' then
			for _, named in ipairs(pairs_of(event)) do
				ids[#ids + 1] = named[1]
			end
		elseif given(event.id) then
			ids[#ids + 1] = event.id
		end
	end
	load(ids)
	local plain = {}
	for i, event in ipairs(events) do
		local job, said = jobs[event.id], false
		if is_plain(event, job) then
			complete(event, job)
			completed[#completed + 1] = event.id
			plain[job[QUEUE]] = (plain[job[QUEUE]] or 0) + 1
			said = COMPLETION
		elseif event.event ~= 'alive' then
			said = settle_one(event, completed)
		end
		answer[base + 2 * i - 1] = event.line
		answer[base + 2 * i] = said
	end
	for queue, n in pairs(plain) do
		count_in(queue_counts, queue, RUNNING, -n)
		count_in(queue_counts, queue, COMPLETED, n)
	end
	renew_heard()
	free(completed)
	for i, event in ipairs(events) do
		if event.event == 'alive' then
			answer[base + 2 * i] = renew(event)
		end
	end
	flush()
end
