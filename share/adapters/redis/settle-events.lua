-- Every write to a running job is compare-and-set on (epoch, worker): a job is
-- held by an event when both are equal. Of several endings of a job in one
-- batch the first counts; what was said before it is kept, what comes behind
-- it is stale. An event that is kept already is answered as it was.

-- The events of the request are words, seven each, from the fifth on.
local words = ARGV
local event_count = (#words - 4) / 7

local function word(text)
	return text ~= '' and text or nil
end

-- The event that begins at a word. What is absent is nil; n is a text.
local function event_at(at)
	local event = { event = words[at], id = word(words[at + 1]),
		epoch = tonumber(words[at + 2]), worker = word(words[at + 3]),
		n = word(words[at + 4]), line = words[at + 5] }
	if words[at + 6] ~= '' then
		for name, value in pairs(cjson.decode(words[at + 6])) do
			event[name] = given(value)
		end
	end
	return event
end

local ENDINGS = { completed = true, failed = true, cancelled = true,
	released = true, snoozed = true }

-- What an ending makes of its job. A job whose cancelling was asked for does
-- not wait for another attempt.
local function outcome(event, job)
	local kind = event.event
	if kind == 'completed' then
		return 'completed'
	elseif kind == 'cancelled' then
		return 'cancelled'
	elseif kind == 'failed' and (event.retry == false
		or event.retry == 0 or job.attempt >= job.most) then
		return 'failed'
	elseif kind == 'snoozed' and (job.snoozes or 0) >= 100
		and job.attempt >= job.most then
		return 'failed'
	elseif job.cancel then
		return 'cancelled'
	elseif kind == 'released' then
		return 'ready'
	end
	return 'scheduled'
end

local function run_again(event, job)
	local wait = event.retry_after_ms
	if event.event == 'released' then
		return job.run
	elseif wait then
		return now + wait
	elseif event.event == 'snoozed' then
		return now + 60000
	end
	return now + math.min(3600000, math.floor(15000
		* 2 ^ math.min(job.attempt - 1, 20)
		* (0.9 + math.random(0, 2000) / 10000)))
end

local function end_job(event, id, job)
	local stage = outcome(event, job)
	local run = WAITS[stage] and run_again(event, job)
	leave(id, job)
	if job.attempt > 0 and (event.event == 'released'
		or (event.event == 'snoozed' and (job.snoozes or 0) < 100))
	then
		job.attempt = job.attempt - 1
	end
	if event.event == 'snoozed' then
		job.snoozes = (job.snoozes or 0) + 1
	end
	job.reason = event.reason or false
	if stage == 'cancelled' and job.cancel then
		job.reason = job.cancel
	end
	job.error = event.error or false
	job.stage, job.settled = stage, event.event
	job.ended, job.heard = now, now
	job.lapses, job.cancel = false, false
	if WAITS[stage] then
		job.run = run
	elseif job.key then
		redis.call('HDEL', key('key'), job.queue .. '\0' .. job.key)
	end
	enter(id, job)
	return ',"state":"' .. STATE[stage] .. '"'
		.. (WAITS[stage] and ',"run_at":"' .. time(run) .. '"' or '')
end

-- A job that has not ended: it was heard from. Its lease goes on unless it
-- ends later in the batch.
local heard = {}

local function hear(event, id, job)
	job.heard = now
	if event.event == 'started' and not job.started then
		job.started = now
	end
	heard[id] = job
end

-- A job of a batch goes over to lease when the batch's time comes; at once
-- when the clock was put back, for the batch's time is later then.
local function renew_lease(id, job)
	local before = job.lapses
	job.lapses = now + job.lease
	if job.batch and job.lapses < before then
		leases_over({ id }, job.batch)
		job.batch = false
	end
	if not job.batch then
		leased[#leased + 1] = text_of(job.lapses)
		leased[#leased + 1] = id
	end
	changed[id] = true
end

local function renew_heard()
	for id, job in pairs(heard) do
		if job.stage == 'running' then
			renew_lease(id, job)
		end
	end
	heard = {}
end

-- What needed a job that is completed now no longer waits for it; a job whose
-- last need this was can start, or waits for its time.
local function free(completed)
	if #completed == 0 or redis.call('EXISTS', key('needed')) == 0 then
		return
	end
	local parents = {}
	for at = 1, #completed, WORDS do
		local needed = redis.call('SMISMEMBER', key('needed'),
			unpack(completed, at,
				math.min(at + WORDS - 1, #completed)))
		for i = 1, #needed do
			if needed[i] == 1 then
				parents[#parents + 1] = completed[at + i - 1]
			end
		end
	end
	for _, id in ipairs(parents) do
		local children = redis.call('SMEMBERS', key('needs', id))
		redis.call('DEL', key('needs', id))
		redis.call('SREM', key('needed'), id)
		load(children)
		for _, child in ipairs(children) do
			local job = jobs[child]
			redis.call('SREM', key('wants', child), id)
			if job and job.stage == 'blocked' and redis.call(
				'EXISTS', key('wants', child)) == 0 then
				leave(child, job)
				job.stage = job.run <= now and 'ready'
					or 'scheduled'
				enter(child, job)
			end
		end
	end
end

local function pairs_of(event)
	return event.jobs or {}
end

-- The answer to an alive, which names its jobs by (id, epoch). One that waits
-- (a claim's, for what it has printed) renews only what has not started.
local function renew(event)
	local lost, started, waiting = {}, {}, truth(event.waiting)
	for _, named in ipairs(pairs_of(event)) do
		local id, epoch = named[1], named[2]
		local job = jobs[id]
		local text = '["' .. id .. '",' .. text_of(epoch) .. ']'
		if not job or job.stage ~= 'running' or job.epoch ~= epoch
			or job.worker ~= event.worker then
			lost[#lost + 1] = text
		else
			if job.started then
				started[#started + 1] = text
			end
			if not job.started or not waiting then
				renew_lease(id, job)
			end
		end
	end
	return ',"lost":[' .. table.concat(lost, ',') .. ']'
		.. (waiting and ',"started":[' .. table.concat(started, ',')
			.. ']' or '') .. '}'
end

-- Whether the event is in the log, and was its worker's.
local function known(event, id, job)
	return event.n and not ENDINGS[event.event]
		and job.worker == event.worker
		and is_kept(id,
			text_of(event.epoch) .. ':' .. event.n)
end

-- Most events are the start or the completion of a job that is in no index but
-- the leases. What such an event makes of what is in job is made once for all
-- of which that is the same: whose it must be, and what it becomes; false when
-- there is more to it.
local moves = { started = {}, completed = {} }
local COMPLETION = ',"state":"completed"'
local ended_at = text_of(now)

local function moved(kind, packed)
	local job, to = unpacked(packed), false
	local back = job.lapses and job.lapses > now + job.lease
	if job.stage == 'running' and not job.extra and not job.rescues
		and not (back and kind == 'started') then
		to = { epoch = text_of(job.epoch), worker = job.worker,
			queue = job.queue, batch = job.batch, gone = {} }
		job.heard = now
		if kind == 'completed' then
			job.stage, job.settled = 'completed', kind
			job.ended, job.lapses, job.cancel = now, false, false
			job.reason, job.error, job.batch = false, false, false
		else
			job.started = job.started or now
			job.lapses = now + job.lease
			to.lease = text_of(job.lapses)
		end
		to.packed = pack(job)
	end
	moves[kind][packed] = to
	return to
end

-- The settled of such an event, and what follows it; nil when it is none.
local function settle_fast(at, kind, id, completed)
	local packed, of = packed_jobs[id], moves[kind]
	if not packed or not of or words[at + 6] ~= '' then
		return nil
	end
	local to, epoch, n = of[packed], words[at + 2], words[at + 4]
	if to == nil then
		to = moved(kind, packed)
	end
	if not to or to.epoch ~= epoch or to.worker ~= words[at + 3]
		or n == '' then
		return nil
	end
	packed_jobs[id] = to.packed
	local last = #job_words
	job_words[last + 1], job_words[last + 2] = id, to.packed
	if kind == 'started' then
		keep(id, epoch, n, words[at + 5], '')
		if not to.batch then
			leased[#leased + 1] = to.lease
			leased[#leased + 1] = id
		end
		return ',"settled":true}'
	end
	keep(id, epoch, n, words[at + 5], COMPLETION)
	to.gone[#to.gone + 1] = id
	last = #ended
	ended[last + 1], ended[last + 2] = ended_at, id
	completed[#completed + 1] = id
	return ',"settled":true,"state":"completed"}'
end

local function count_fast()
	for _, to in pairs(moves.completed) do
		if to then
			count_in(queue_counts, to.queue, 'running', -#to.gone)
			count_in(queue_counts, to.queue, 'completed', #to.gone)
			leases_over(to.gone, to.batch)
		end
	end
end

-- The settled of one event, and what follows it.
local function settle_one(event, completed)
	local id = event.id
	local job = id and jobs[id]
	if not job or not event.epoch then
		return ',"settled":"unknown"}'
	elseif job.epoch == event.epoch and job.worker == event.worker
		and job.stage == 'running' then
		local more = ''
		if ENDINGS[event.event] then
			more = end_job(event, id, job)
			if job.stage == 'completed' then
				completed[#completed + 1] = id
			end
		else
			hear(event, id, job)
		end
		keep(id, text_of(event.epoch), event.n, event.line, more)
		return ',"settled":true' .. more .. '}'
	elseif (job.epoch == event.epoch and job.worker == event.worker
		and job.settled == event.event) or known(event, id, job) then
		return ',"settled":true}'
	end
	return ',"settled":"stale"}'
end

-- Adds the answers to answer, in the order of the events, each as two pieces.
local function settle(answer)
	local ids, fast, slow, completed, alive = {}, {}, {}, {}, {}
	local base = #answer
	for i = 1, event_count do
		local at = 7 * i - 2
		local kind, id = words[at], words[at + 1]
		if kind == 'alive' then
			alive[i] = event_at(at)
			for _, named in ipairs(pairs_of(alive[i])) do
				slow[#slow + 1] = named[1]
			end
		elseif id ~= '' then
			ids[#ids + 1] = id
			local list = moves[kind] and fast or slow
			list[#list + 1] = id
		end
	end
	load(slow)
	load_packed(fast)
	load_said(ids)
	for i = 1, event_count do
		local at = 7 * i - 2
		local kind, id, settled = words[at], words[at + 1], false
		if kind ~= 'alive' then
			settled = settle_fast(at, kind, id, completed)
			if not settled then
				load({ word(id) })
				settled = settle_one(event_at(at), completed)
			end
		end
		answer[base + 2 * i - 1] = words[at + 5]
		answer[base + 2 * i] = settled
	end
	count_fast()
	renew_heard()
	free(completed)
	for i, event in pairs(alive) do
		answer[base + 2 * i] = renew(event)
	end
	flush()
end
