-- Workers that are gone.

-- Leases that ran out. What a peer has taken from our worker is looked at
-- again after a lease, and what is not pending any more was acknowledged.
local function lapse()
	for _, entry in ipairs(call('ZRANGEBYSCORE', key('lease'), '-inf', now,
		'LIMIT', 0, 100)) do
		local job, had = record(entry), pending(entry)
		local ours = job and had and had.consumer == job.worker
			and had.count == job.epoch
		if not had or not job then
			forget(entry)
		elseif ours or had.idle >= idle_ms(job.lease) then
			rescue(entry, had)
		else
			call('ZADD', key('lease'), now
				+ idle_ms(job.lease) - had.idle, entry)
		end
	end
	flush()
end

-- A worker that begins, under a name that it had before: what it has and does
-- not hold was left by the one that is gone. Later it is not looked at, for a
-- pipe may have it.
local function own(worker, held)
	local at, page = '-', nil
	repeat
		page = call('XPENDING', STREAM, GROUP, at, '+', 100, worker)
		for _, found in ipairs(page) do
			if not held[found[1]] then
				rescue(found[1], { consumer = worker,
					count = found[4] })
			end
			at = '(' .. found[1]
		end
	until #page < 100
	flush()
end

-- What other consumers have left idle, at most so much of it. The list is
-- looked through a part at a time, and not all the time: an end of it is
-- followed by a second of rest.
local function strangers(most, lease_ms)
	local seen = call('HMGET', key('scan'), 'at', 'next')
	if most <= 0 or tonumber(seen[2] or 0) > now then
		return
	end
	local at = seen[1] or '-'
	local page = call('XPENDING', STREAM, GROUP, at, '+', 500)
	for _, found in ipairs(page) do
		if most > 0 and found[3] >= idle_ms(lease_ms)
			and not record(found[1]) and rescue(found[1],
			{ consumer = found[2], count = found[4] }) then
			most = most - 1
		end
		if most > 0 then
			at = '(' .. found[1]
		end
	end
	local whole = #page < 500 and most > 0
	call('HSET', key('scan'), 'at', whole and '-' or at,
		'next', now + (whole and 1000 or 100))
	flush()
end

-- Consumers of ours that nobody has heard of for a day, and that have nothing,
-- one at a time, or a worker that begins each day would leave one each day.
local function remove_worker()
	local name = call('ZRANGEBYSCORE', key('worker'), '-inf',
		now - 86400000, 'LIMIT', 0, 1)[1]
	if not name then
		return
	end
	if #call('XPENDING', STREAM, GROUP, '-', '+', 1, name) == 0 then
		call('XGROUP', 'DELCONSUMER', STREAM, GROUP, name)
	end
	call('ZREM', key('worker'), name)
end
