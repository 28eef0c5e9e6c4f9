-- A job whose id is there, or whose key an unfinished job of its queue has,
-- changes nothing.
-- include common.lua

-- Of jobs that came through the inbox: the entry of each, which is deleted
-- behind the push, for a script that fails is not taken back. Whose entry is
-- gone was pushed by someone else. "refused" are entries that are no jobs:
-- they are kept apart, with the reason and their first 100 words.
local entries = given(request.entries)

-- Of what is there an answer has no more; of what is new as much as was sent.
local ANSWER_BYTES = 4 * PAGE_BYTES

local function refuse_entry(entry, why)
	for _, found in ipairs(redis.call('XRANGE', key('inbox'), entry,
		entry)) do
		local words = { unpack(found[2], 1, math.min(#found[2], 100)) }
		words[#words + 1] = 'refused'
		words[#words + 1] = why
		redis.call('XADD', key('inbox-refused'), '*', unpack(words))
		redis.call('XDEL', key('inbox'), entry)
	end
end

local list, ids, needs, owners = request.jobs, {}, {}, {}
local any_key
if entries then
	local kept = {}
	for i, job in ipairs(list) do
		if #redis.call('XRANGE', key('inbox'), entries[i],
			entries[i]) > 0
		then
			kept[#kept + 1] = job
		end
	end
	list = kept
end
for i, new in ipairs(list) do
	ids[i] = new.id
	owners[i] = given(new.key) and new.queue .. '\0' .. new.key or ''
	any_key = any_key or given(new.key)
	for _, id in ipairs(given(new.needs) or {}) do
		needs[#needs + 1] = id
	end
end
load(ids)
load(needs)

-- What an unfinished job's key is found by; also those of this batch.
local keys, holders = {}, {}
for i, holder in ipairs(any_key and fields(key('key'), owners) or {}) do
	if owners[i] ~= '' and holder then
		keys[owners[i]] = holder
		holders[#holders + 1] = holder
	end
end
load(holders)

-- The lines of jobs that are there can be far longer than those that are
-- pushed. A batch whose answer would be too long is sent again one by one.
local there, sizes = 0, {}
for i, new in ipairs(entries and {} or list) do
	local owner = owners[i]
	local job = jobs[new.id] or jobs[keys[owner]]
	local size = job and job.bytes or sizes[new.id] or sizes[owner]
	if size then
		there = there + size
	else
		sizes[new.id] = #new.line
		sizes[owner ~= '' and owner or new.id] = #new.line
	end
end
if #list > 1 and there > ANSWER_BYTES then
	return redis.error_reply('INVALID the jobs that are there are too long '
		.. 'for one answer')
end

local seq = tonumber(redis.call('HGET', key('meta'), 'seq') or 0)
local lines, keyed, queues, seen, answered = {}, {}, {}, {}, {}
local written = {}

local function wants(new)
	local out = {}
	for _, id in ipairs(given(new.needs) or {}) do
		if not (jobs[id] and jobs[id].stage == 'completed') then
			out[#out + 1] = id
		end
	end
	return out
end

local function make(new, owner)
	local id, unmet = new.id, wants(new)
	local run = given(new.run_at_ms) or now
	seq = seq + 1
	local job = { stage = run <= now and 'ready' or 'scheduled',
		queue = new.queue, name = new.name, priority = new.priority,
		attempt = 0, most = new.max_attempts, run = run, pushed = now,
		bytes = #new.line, epoch = 0, extra = false, worker = false,
		lease = false, lapses = false, claimed = false,
		started = false, heard = false, ended = false, settled = false,
		reason = false, error = false, rescues = false,
		snoozes = false, cancel = false, batch = false, seq = seq,
		expires = given(new.expires_at_ms) or false,
		key = given(new.key) or false,
		flow = given(new.flow) or false }
	job.extra = (job.expires or job.key or job.flow) and true or false
	if #unmet > 0 then
		job.stage = 'blocked'
		redis.call('SADD', key('wants', id), unpack(unmet))
		redis.call('SADD', key('needed'), unpack(unmet))
		for _, need in ipairs(unmet) do
			redis.call('SADD', key('needs', need), id)
		end
	end
	jobs[id], remade[id] = job, true
	enter(id, job)
	zset(key('all'), id, seq)
	if job.flow then
		zset(key('flow', job.flow), id, seq)
	end
	if owner ~= '' then
		keys[owner] = id
		keyed[#keyed + 1] = owner
		keyed[#keyed + 1] = id
	end
	lines[#lines + 1] = id
	lines[#lines + 1] = new.line
	written[id] = new.line
	if not seen[new.queue] then
		seen[new.queue] = true
		queues[#queues + 1] = new.queue
	end
end

for i, new in ipairs(list) do
	local holder = keys[owners[i]]
	if jobs[new.id] then
		answered[i] = new.id
	elseif holder and jobs[holder] then
		answered[i] = holder
	else
		make(new, owners[i])
		answered[i] = new.id
	end
end
batch(lines, 'HSET', LINE)
batch(keyed, 'HSET', key('key'))
batch(queues, 'SADD', key('queues'))
flush()
if #lines > 0 then
	redis.call('HSET', key('meta'), 'seq', seq)
end
if entries then
	batch(entries, 'XDEL', key('inbox'))
	for _, refused in ipairs(given(request.refused) or {}) do
		refuse_entry(refused[1], refused[2])
	end
end
ring()
if entries then
	return {}
end

-- The lines that were there before.
local old = {}
for _, id in ipairs(answered) do
	if not written[id] then
		old[#old + 1] = id
	end
end
for i, line in ipairs(fields(LINE, old)) do
	written[old[i]] = line
end
local answer = {}
for i, id in ipairs(answered) do
	answer[2 * i - 1] = written[id]
	answer[2 * i] = standing(jobs[id]) .. '}'
end
return answer
