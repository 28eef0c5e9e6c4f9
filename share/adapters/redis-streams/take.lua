-- The jobs that a claim takes: first what waited and is due, then what no
-- consumer has had yet. Nothing is taken that is not handed out.
local taken, taken_bytes = {}, 0

local function room(most)
	return #taken < most and (#taken == 0 or taken_bytes < PAGE_BYTES)
end

-- job is what read_job() made, of an entry that this worker has from now on.
local function grant(entry, read, worker, lease_ms, count)
	local job = record(entry) or new_record(entry, read)
	job.id, job.most = read.id, read.most
	job.note = read.note
	job.epoch, job.worker, job.lease = count, worker, lease_ms
	job.attempt = job.attempt + 1
	job.claimed, job.renewed, job.heard = now, now, now
	job.started, job.settled, job.waits = nil, nil, nil
	job.reason, job.error, job.ended = nil, nil, nil
	call('ZADD', key('lease'), now + lease_ms, entry)
	change(entry)
	taken[#taken + 1] = { entry = entry, line = read.line }
	taken_bytes = taken_bytes + #read.line
end

-- What waits in PARK's hands. One that a peer has taken by itself is watched
-- like a lease.
local function take_waiting(entry, worker, lease_ms)
	local job, had, fields = record(entry), pending(entry), payload(entry)
	if not job or not had then
		forget(entry)
		return
	elseif not fields then
		call('ZREM', key('wait'), entry)
		lose_payload(entry, job)
		return
	elseif had.consumer ~= PARK then
		job.waits = nil
		change(entry)
		call('ZREM', key('wait'), entry)
		call('ZADD', key('lease'), now + job.lease, entry)
		return
	end
	local read, why, note = read_job(entry, fields)
	if not read then
		refuse_entry(entry, job, why, note)
	else
		call('ZREM', key('wait'), entry)
		give(entry, worker, had.count + 1)
		grant(entry, read, worker, lease_ms, had.count + 1)
	end
end

local function take_due(most, worker, lease_ms)
	for _ = 1, 10 do
		local due = call('ZRANGEBYSCORE', key('wait'), '-inf', now,
			'LIMIT', 0, 100)
		for _, entry in ipairs(due) do
			if not room(most) then
				return
			end
			take_waiting(entry, worker, lease_ms)
		end
		if #due < 100 then
			return
		end
	end
end

-- One new entry; nil when there is none.
local function read_new(worker)
	local read = call('XREADGROUP', 'GROUP', GROUP, worker, 'COUNT', 1,
		'STREAMS', STREAM, '>')
	return read and read[1] and read[1][2][1]
end

local function take_new(most, worker, lease_ms, refused)
	while room(most) and refused > 0 do
		local found = read_new(worker)
		if not found then
			return
		end
		local read, why, note = read_job(found[1], found[2])
		if read then
			grant(found[1], read, worker, lease_ms, 1)
		else
			refuse_entry(found[1], nil, why, note)
			refused = refused - 1
		end
	end
end

-- Of the jobs that are named, those that no consumer has had yet; false when
-- they are not the next ones of the stream, for a group gives no others.
local function named_new(ids, info)
	local last, named, count = info['last-delivered-id'], {}, 0
	for _, id in ipairs(ids) do
		local entry = entry_of(id)
		if before(last, entry) and not named[entry]
			and payload(entry) then
			named[entry] = true
			count = count + 1
		end
	end
	for _, found in ipairs(count > 0 and call('XRANGE', STREAM,
		'(' .. last, '+', 'COUNT', count) or {}) do
		if not named[found[1]] then
			return false
		end
	end
	return count
end

local function take_named(ids, most, worker, lease_ms)
	for _, id in ipairs(ids) do
		local entry = entry_of(id)
		local run = call('ZSCORE', key('wait'), entry)
		if run and tonumber(run) <= now and room(most) then
			take_waiting(entry, worker, lease_ms)
		end
	end
end
