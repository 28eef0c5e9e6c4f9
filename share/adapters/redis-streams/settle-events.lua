-- Every write to a running job is compare-and-set: the group's list of pending
-- entries must have it as this worker's, delivered as often as the epoch says.
-- Of several endings of a job in one batch the first counts.
local ENDINGS = { completed = true, failed = true, cancelled = true,
	released = true, snoozed = true }

local function holds(entry, epoch, worker)
	local job, had = record(entry), pending(entry)
	return had and had.consumer == worker and had.count == epoch
		and not (job and (job.waits or job.out))
end

-- The record of an entry that is held; one of a peer that uses our events may
-- have none.
local function held_record(entry, epoch, worker)
	local job = record(entry)
	if not job then
		local fields = payload(entry)
		job = new_record(entry, fields and read_job(entry, fields)
			or { id = entry, most = 1 })
	end
	job.epoch, job.worker = epoch, worker
	change(entry)
	return job
end

-- What an ending makes of its job: nil is another attempt.
local function outcome(event, job)
	local kind = event.event
	if kind == 'completed' or kind == 'cancelled' then
		return kind
	elseif kind == 'failed' and (given(event.retry) == false
		or given(event.retry) == 0 or job.attempt >= job.most) then
		return 'failed'
	elseif kind == 'snoozed' and job.snoozes >= 100
		and job.attempt >= job.most then
		return 'failed'
	end
	return nil
end

local function run_again(event, job)
	local wait = given(event.retry_after_ms)
	if event.event == 'released' then
		return job.run
	elseif wait then
		return now + wait
	elseif event.event == 'snoozed' then
		return now + 60000
	end
	return now + min(3600000, floor(15000 * 2 ^ min(job.attempt - 1, 20)
		* (0.9 + math.random(0, 2000) / 10000)))
end

local function end_job(event, entry, job)
	local kind = outcome(event, job)
	local run = run_again(event, job)
	if job.attempt > 0 and (event.event == 'released'
		or (event.event == 'snoozed' and job.snoozes < 100)) then
		job.attempt = job.attempt - 1
	end
	if event.event == 'snoozed' then
		job.snoozes = job.snoozes + 1
	end
	job.settled = event.event
	job.reason, job.error = given(event.reason), given(event.error)
	if kind then
		finish(entry, job, kind, { reason = job.reason,
			error = job.error, line = event.line })
		return ',"state":"' .. kind .. '"'
	end
	park(entry, job, run, job.epoch)
	return ',"state":"pending","run_at":"' .. time(run) .. '"'
end

-- A job that has not ended: its lease begins anew. For the peers it must not
-- be idle for a lease; to claim it again would drop one whose payload is gone,
-- and to look costs as much as that is long, so it is not done each time.
local function hear(entry, job)
	job.heard, job.renewed = now, now
	call('ZADD', key('lease'), now + job.lease, entry)
	if pending(entry).idle >= job.lease / 10 and payload(entry) then
		give(entry, job.worker, job.epoch)
	end
end

-- The answer to an alive, which names its jobs by (id, epoch). One that waits
-- (a claim's, for what it has printed) renews only what has not started.
local function renew(event)
	local lost, started, waiting = {}, {}, truth(given(event.waiting))
	for _, named in ipairs(given(event.jobs) or {}) do
		local entry = entry_of(named[1])
		local text = '["' .. named[1] .. '",' .. named[2] .. ']'
		if not holds(entry, named[2], event.worker) then
			lost[#lost + 1] = text
		else
			local job = held_record(entry, named[2], event.worker)
			if job.started then
				started[#started + 1] = text
			end
			if not job.started or not waiting then
				hear(entry, job)
			end
		end
	end
	return event.line .. ',"lost":[' .. concat(lost, ',') .. ']'
		.. (waiting and ',"started":[' .. concat(started, ',') .. ']'
			or '') .. '}'
end

-- What is said of a job that is not held: true when it was, and this is the
-- same ending. Events are not kept, so one that comes behind its ending is
-- not told from one that is sent again.
local function settled_before(event, entry)
	local job = record(entry) or unpacked('ended', entry)
	if not job then
		return (pending(entry) or payload(entry)) and 'stale'
			or 'unknown'
	end
	local same = job.epoch == event.epoch and job.worker == event.worker
		and job.settled and (job.settled == event.event
			or not ENDINGS[event.event])
	local item = same and job.out and ENDINGS[event.event]
		and outbox_item(entry)
	if item then
		carry(entry, item)
	end
	return same and 'true' or 'stale'
end

local function settle_one(event)
	local id, epoch = given(event.id), given(event.epoch)
	local entry = id and entry_of(id)
	local said, more = 'unknown', ''
	if entry and epoch and holds(entry, epoch, event.worker) then
		local job = held_record(entry, epoch, event.worker)
		if ENDINGS[event.event] then
			more = end_job(event, entry, job)
		else
			if event.event == 'started' then
				job.started = job.started or now
			end
			hear(entry, job)
		end
		said = 'true'
	elseif entry and epoch then
		said = settled_before(event, entry)
	end
	return event.line .. ',"settled":'
		.. (said == 'true' and said or '"' .. said .. '"')
		.. more .. '}'
end

-- Adds the answers to answer, in the order of the events; renewals come last,
-- for what has ended is not renewed.
local function settle(events, answer)
	local base = #answer
	for i, event in ipairs(events) do
		answer[base + i] = event.event ~= 'alive' and settle_one(event)
	end
	for i, event in ipairs(events) do
		if event.event == 'alive' then
			answer[base + i] = renew(event)
		end
	end
	flush()
end
