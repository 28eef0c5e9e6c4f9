-- The jobs that a claim takes: at most so many, in their order.

local function due()
	local ids = until_time('due', 500)
	for _, id in ipairs(ids) do
		local job = jobs[id]
		leave(id, job)
		job.stage = 'ready'
		enter(id, job)
	end
	flush()
end

-- Expired jobs are seen to by lapse(), but no more than a page of them.
local function can_start(job)
	return job and job.stage == 'ready'
		and (not job.expires or job.expires > now)
end

-- Of the jobs that were rescued twice a worker has one at a time: a job that
-- kills its runner would take the same companions with it each time, until
-- they failed with it.
local function holds_risky(worker)
	local ids = redis.call('SMEMBERS', key('risky'))
	load(ids)
	for _, id in ipairs(ids) do
		if jobs[id] and jobs[id].worker == worker then
			return true
		end
	end
	return false
end

local function walks_of(queues, flow, most)
	local out = {}
	if flow then
		return { walk(key('begin', flow), most) }
	end
	for _, queue in ipairs(queues) do
		local first = walk(key('ready', queue), #queues > 8
			and math.min(most, 8) or most)
		if first.items[1] then
			out[#out + 1] = first
		elseif redis.call('EXISTS', key('apart', queue)) == 0 then
			redis.call('SREM', key('stocked'), queue)
		end
	end
	return out
end

local function apart_of(open)
	local out = {}
	for _, queue in ipairs(redis.call('SMEMBERS', key('aparts'))) do
		local first = walk(key('apart', queue), 20)
		if not first.items[1] then
			redis.call('SREM', key('aparts'), queue)
		elseif open[queue] then
			out[#out + 1] = first
		end
	end
	return out
end

local function take_ids(ids, queues, most)
	local open, seen, out = {}, {}, {}
	for _, queue in ipairs(queues) do
		open[queue] = true
	end
	load(ids)
	for _, id in ipairs(ids) do
		if #out < most and not seen[id] and can_start(jobs[id])
			and open[jobs[id].queue] then
			out[#out + 1] = id
		end
		seen[id] = true
	end
	return out
end

-- Those that were rescued less than twice, and one of the others, if this
-- worker has none.
local function take_ready(queues, flow, worker, most)
	local open, out, risky = {}, {}, nil
	for _, queue in ipairs(queues) do
		open[queue] = true
	end
	local walks = walks_of(queues, flow, most)
	if not flow then
		for _, one in ipairs(apart_of(open)) do
			walks[#walks + 1] = one
		end
	end
	local heap = merge(walks)
	while #out < most do
		local members = {}
		repeat
			local member = next_ready(heap)
			members[#members + 1] = member and placed(member)
		until not member or #members >= most - #out
		if #members == 0 then
			break
		end
		load(members)
		for _, id in ipairs(members) do
			local job = jobs[id]
			local yes = can_start(job) and open[job.queue]
			if yes and (job.rescues or 0) >= 2 then
				if risky == nil then
					risky = holds_risky(worker)
				end
				yes, risky = not risky, true
			end
			if yes then
				out[#out + 1] = id
			end
		end
	end
	return out
end

local function fit(ids)
	local bytes, out = 0, {}
	for _, id in ipairs(ids) do
		bytes = bytes + jobs[id].bytes
		if #out > 0 and bytes > PAGE_BYTES then
			break
		end
		out[#out + 1] = id
	end
	return out
end

local function hold(job, worker, lease_ms, number)
	job.stage, job.batch = 'running', number or false
	job.epoch = job.epoch + 1
	job.attempt = job.attempt + 1
	job.worker, job.lease = worker, lease_ms
	job.lapses = now + lease_ms
	job.claimed, job.heard = now, now
	job.started, job.settled, job.cancel = false, false, false
end

local function take(ids, worker, lease_ms)
	for _, id in ipairs(ids) do
		local job = jobs[id]
		leave(id, job)
		hold(job, worker, lease_ms)
		enter(id, job)
	end
	flush()
end

-- From so many jobs on a claim makes a batch of them.
local BATCH_LEAST = 16

-- What a claim makes of what is in job, made once for all of which that is the
-- same: what it becomes, and how its line ends; false when the job is in
-- another index, too.
local holds = {}

local function held(packed, worker, lease_ms, lease, number)
	local to = holds[packed]
	if to == nil then
		local job = unpacked(packed)
		to = false
		if job.stage == 'ready' and not job.extra then
			hold(job, worker, lease_ms, number)
			to = { bytes = job.bytes, packed = pack(job),
				ends = standing(job) .. ',"lease":{"epoch":'
				.. text_of(job.epoch) .. lease }
		end
		holds[packed] = to
	end
	return to
end

-- The first jobs of one queue are taken when nothing stands apart there and
-- they are all such: out of ready by their rank, which costs less than by
-- their names. Adds the lines to answer. How many were ready, or nil when they
-- are to be taken otherwise. What was changed before must have been written, and
-- what was read of them before is read again.
local function take_first(queue, most, worker, lease_ms, lease, answer)
	local name, ids, bytes = key('ready', queue), {}, 0
	if redis.call('EXISTS', key('apart', queue)) == 1 then
		return nil
	end
	local members, number = redis.call('ZRANGE', name, 0, most - 1), nil
	if #members >= BATCH_LEAST then
		number = text_of(redis.call('HINCRBY', key('meta'), 'batch', 1))
	end
	for i = 1, #members do
		ids[i] = placed(members[i])
	end
	local packs = fields(JOB, ids)
	for i = 1, #ids do
		local packed = packs[i]
		local to = packed and (holds[packed]
			or held(packed, worker, lease_ms, lease, number))
		if not to then
			return nil
		end
		bytes = bytes + to.bytes
		if i > 1 and bytes > PAGE_BYTES then
			while #ids >= i do
				table.remove(ids)
			end
			break
		end
	end
	local lease_until, at = text_of(now + lease_ms), #answer
	local lines = fields(LINE, ids)
	for i = 1, #ids do
		local id, to, to_at = ids[i], holds[packs[i]], 2 * i
		job_words[to_at - 1], job_words[to_at] = id, to.packed
		answer[at + to_at - 1], answer[at + to_at] = lines[i], to.ends
		if not number then
			leased[to_at - 1], leased[to_at] = lease_until, id
		end
		if jobs[id] ~= nil or packed_jobs[id] ~= nil then
			jobs[id], packed_jobs[id] = nil, nil
		end
	end
	if #ids > 0 then
		if number then
			batch(ids, 'SADD', key('batch', number))
			redis.call('ZADD', BATCHES, lease_until, number)
		end
		redis.call('ZREMRANGEBYRANK', name, 0, #ids - 1)
		count_in(queue_counts, queue, 'ready', -#ids)
		count_in(queue_counts, queue, 'running', #ids)
	end
	flush()
	return #members
end
