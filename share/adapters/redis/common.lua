-- Begins every verb. KEYS[1] is the prefix of all keys, ARGV[1] the request.
-- The answer is an array of lines; an element that begins with a comma goes
-- on with the one before, so that no long text is copied here.
--
-- A job is a field, by its id, in each of these hashes, so that a batch of 500
-- jobs is read by one command and written by another:
--
--   line          its line as it was pushed, less its closing brace
--   job           what changes, packed by cmsgpack (see pack()). Of jobs that
--                 were pushed, claimed and ended together it is the same, byte
--                 for byte; so what becomes of it is made once for them all
--                 (see moved() and held())
--   more          what does not, and is its own: seq, expires, key, flow
--   said          its events in the log (see keep())
--
-- All else are indexes of them:
--
--   all           of all ids, by the order of push (seq)
--   ready:QUEUE   what can start: by -priority, then seq (see place())
--   apart:QUEUE   the same of those that were rescued twice (take.lua)
--   flow:FLOW     of all ids of a flow, by seq
--   begin:FLOW    what of a flow can start, as ready
--   due lease expiry   ids by the time when something is to be done
--   batches       of jobs that were claimed together, the number of each batch
--                 by the time when the first of their leases can lapse;
--                 batch:NUMBER the ids of those that still run. To put each
--                 of 500 into lease costs ten times as much. Such a job goes
--                 over to lease when that time comes, if it was renewed
--                 (lapse.lua).
--   failed        ids by seq
--   ended         a list: when a job was completed or cancelled, its id, and
--                 so on; dead is that of those that failed (retention.lua)
--   risky         ids that run and were rescued twice
--   key           the id of the unfinished job that has a key of a queue
--   wants:ID      what a blocked job waits for; needs:ID who waits for it;
--                 needed: all that somebody waits for
--   count:QUEUE   how many jobs are in each stage; total:FLOW the same, and
--                 count of all queues together
--   queues paused claimed    names; since when; when a worker last asked for
--                 its jobs, and by the name '' for those of all queues
--   stocked       the queues that have something in ready or apart; aparts
--                 those in apart. Some may have nothing any more.
--   event         the log, a hash: SEQ to "ID LINE"; said:ID (see keep())
--   meta          version, the last seq of a job, of an event, of one pruned
--
-- A script is not taken back when it fails: all that can fail comes before
-- the first write, and open.lua looks at the types of the keys. Writes are
-- gathered and made by flush(), each index by one command. Times are
-- milliseconds since 1970 by the server's clock.
--
-- A function is made anew at each call, and that takes the longer the more of
-- its surroundings it names; so stages and members are names, no numbers that
-- have names, and functions of Lua go by their own.
local PREFIX = KEYS[1]
local request = cjson.decode(ARGV[1])
-- The stages of a job: waiting ones, ended ones, those that did not complete;
-- and what each is called outside.
local WAITS = { blocked = true, scheduled = true, ready = true }
local ENDS = { completed = true, cancelled = true, failed = true }
local FAILS = { cancelled = true, failed = true }
local STATE = { blocked = 'blocked', scheduled = 'pending', ready = 'pending',
	running = 'running', completed = 'completed', cancelled = 'cancelled',
	failed = 'failed' }

-- An answer is at most so many bytes of lines, but at least one line.
local PAGE_BYTES = 4194304
-- A command takes at most so many words from a script.
local WORDS = 4000

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
math.randomseed((clock[1] * 1000000 + clock[2]) % 2147483647)

local function key(name, of)
	return of and PREFIX .. ':' .. name .. ':' .. of
		or PREFIX .. ':' .. name
end

local JOB, MORE, LINE = key('job'), key('more'), key('line')
local SAID, LEASES, BATCHES = key('said'), key('lease'), key('batches')

-- A member of the request that may be absent or null.
local function given(value)
	if value == cjson.null then
		return nil
	end
	return value
end

-- A number as text: to make one costs more than a look at what was made.
local texts = {}
local function text_of(number)
	local text = texts[number]
	if not text then
		text = string.format('%.0f', number)
		texts[number] = text
	end
	return text
end

local function truth(value)
	return value == true or value == 1
end

-- A server whose memory is used up refuses a script at its first write, if that
-- one needs memory. What workers do must go on then, or nothing would ever be
-- less: their first write is this one.
local function write_anyway()
	redis.call('DEL', key('nothing'))
end

-- include words.lua

-- --- writes, gathered ------------------------------------------------------

-- Of a sorted set: the score of each member, or false for one that goes.
local zsets = {}
-- By queue, and by flow, how many more are in each stage.
local queue_counts, flow_counts = {}, {}
-- Jobs that were read (false: there is none), and those of them that changed,
-- also in what is in more. Of some only what is in job was read, as it stands
-- there; such a job is in jobs when it is looked at further.
local jobs, changed, remade = {}, {}, {}
local packed_jobs = {}
-- Their events, as they are in said; those that changed.
local said, said_more = {}, {}
-- Leases that begin or go on, as ZADD takes them; those that are over.
local leased, let_go = {}, {}
-- Of each batch, those that are over.
local let_go_of = {}
-- Words of what was written by who knows that it is all: of job, of said.
local job_words, said_words = {}, {}
-- When those that are finished ended, and their ids.
local ended, dead = {}, {}
-- Queues in which something became ready, or whose workers are to look; of the
-- former those that have it in ready, and in apart.
local rings, stock, apart_stock = {}, {}, {}

local function place(job, id)
	return string.format('%016d', job.seq) .. id
end

-- The id in a member of ready, apart or begin.
local function placed(member)
	return string.sub(member, 17)
end

local function zset(name, member, score)
	local set = zsets[name]
	if not set then
		set = {}
		zsets[name] = set
	end
	set[member] = score
end

local function count_in(counts, name, stage, by)
	local of = counts[name]
	if not of then
		of = {}
		counts[name] = of
	end
	of[stage] = (of[stage] or 0) + by
end

local function count(job, by)
	count_in(queue_counts, job.queue, job.stage, by)
	if job.flow then
		count_in(flow_counts, job.flow, job.stage, by)
	end
end

local function ready_set(job)
	return key((job.rescues or 0) < 2 and 'ready' or 'apart', job.queue)
end

-- The leases of these jobs, of one batch or of none, are over.
local function leases_over(ids, number)
	local list = let_go
	if number then
		list = let_go_of[number] or {}
		let_go_of[number] = list
	end
	for i = 1, #ids do
		list[#list + 1] = ids[i]
	end
end

-- Before the members of a job that indexes look at change.
local function leave(id, job)
	local stage = job.stage
	if stage == 'running' then
		leases_over({ id }, job.batch)
		job.batch = false
		if (job.rescues or 0) >= 2 then
			redis.call('SREM', key('risky'), id)
		end
	elseif stage == 'ready' then
		zset(ready_set(job), place(job, id), false)
		if job.flow then
			zset(key('begin', job.flow), place(job, id), false)
		end
	elseif stage == 'scheduled' then
		zset(key('due'), id, false)
	elseif stage == 'failed' then
		zset(key('failed'), id, false)
	end
	if job.expires and WAITS[stage] then
		zset(key('expiry'), id, false)
	end
	count(job, -1)
end

-- And after. Lists of what is finished are never searched: what is in them
-- that goes on, or was deleted, is told by its time.
local function enter(id, job)
	local stage = job.stage
	if stage == 'running' then
		leased[#leased + 1] = text_of(job.lapses)
		leased[#leased + 1] = id
		if (job.rescues or 0) >= 2 then
			redis.call('SADD', key('risky'), id)
		end
	elseif stage == 'ready' then
		zset(ready_set(job), place(job, id), -job.priority)
		if job.flow then
			zset(key('begin', job.flow), place(job, id),
				-job.priority)
		end
		rings[job.queue] = rings[job.queue] or 'ready'
		stock[job.queue] = true
		if (job.rescues or 0) >= 2 then
			apart_stock[job.queue] = true
		end
	elseif stage == 'scheduled' then
		zset(key('due'), id, job.run)
		rings[job.queue] = 'scheduled'
	elseif stage == 'failed' then
		zset(key('failed'), id, job.seq)
		dead[#dead + 1] = text_of(job.ended)
		dead[#dead + 1] = id
	elseif ENDS[stage] then
		ended[#ended + 1] = text_of(job.ended)
		ended[#ended + 1] = id
	end
	if job.expires and WAITS[stage] then
		zset(key('expiry'), id, job.expires)
	end
	count(job, 1)
	changed[id] = true
end

-- Calls with the command's first words and then as many more as it takes.
local function batch(words, command, name)
	for at = 1, #words, WORDS do
		redis.call(command, name, unpack(words, at,
			math.min(at + WORDS - 1, #words)))
	end
end

-- lapses is when the lease does; batch: that of its claim, while its lease is
-- there; extra: it has one of expires, key and flow; what is absent is false.
local function pack(job)
	return cmsgpack.pack(job.stage, job.queue, job.name, job.priority,
		job.attempt, job.most, job.run, job.pushed, job.bytes,
		job.epoch, job.extra, job.worker, job.lease, job.lapses,
		job.claimed, job.started, job.heard, job.ended, job.settled,
		job.reason, job.error, job.rescues, job.snoozes, job.cancel,
		job.batch)
end

local function unpacked(packed)
	local stage, queue, name, priority, attempt, most, run, pushed, bytes,
		epoch, extra, worker, lease, lapses, claimed, started, heard,
		ended_at, settled, reason, error, rescues, snoozes, cancel,
		batch =
		cmsgpack.unpack(packed)
	return { stage = stage, queue = queue, name = name,
		priority = priority, attempt = attempt, most = most, run = run,
		pushed = pushed, bytes = bytes, epoch = epoch, extra = extra,
		worker = worker, lease = lease, lapses = lapses,
		claimed = claimed, started = started, heard = heard,
		ended = ended_at, settled = settled, reason = reason,
		error = error, rescues = rescues, snoozes = snoozes,
		cancel = cancel, batch = batch or false, seq = false,
		expires = false, key = false, flow = false }
end

-- Writes a hash: of each field that is named what is in values, and empties
-- the names.
local function write(name, names, values)
	local words, n = {}, 0
	for id in pairs(names) do
		words[n + 1], words[n + 2] = id, values[id]
		n = n + 2
		names[id] = nil
	end
	batch(words, 'HSET', name)
end

local function add_names(name, names)
	local list = {}
	for queue in pairs(names) do
		list[#list + 1] = queue
		names[queue] = nil
	end
	batch(list, 'SADD', key(name))
end

local function add_counts(name, counts)
	for of, stages in pairs(counts) do
		for stage, by in pairs(stages) do
			if by ~= 0 then
				redis.call('HINCRBY', key(name, of), stage, by)
			end
		end
	end
end

-- Those of the batches that are over; a batch goes with its last job.
local function leave_batches()
	for number, ids in pairs(let_go_of) do
		local name = key('batch', number)
		batch(ids, 'SREM', name)
		if redis.call('EXISTS', name) == 0 then
			redis.call('ZREM', BATCHES, number)
		end
		let_go_of[number] = nil
	end
end

-- A job is there when it is in job, so that is written behind its indexes and
-- what else belongs to it: whoever pushes it again after a failure makes all
-- of it.
local function flush()
	for name, members in pairs(zsets) do
		local add, out = {}, {}
		for member, score in pairs(members) do
			if score then
				add[#add + 1] = score
				add[#add + 1] = member
			else
				out[#out + 1] = member
			end
		end
		batch(out, 'ZREM', name)
		batch(add, 'ZADD', name)
	end
	add_names('stocked', stock)
	add_names('aparts', apart_stock)
	batch(leased, 'ZADD', LEASES)
	batch(let_go, 'ZREM', LEASES)
	leave_batches()
	batch(ended, 'RPUSH', key('ended'))
	batch(dead, 'RPUSH', key('dead'))
	zsets, leased, let_go, ended, dead = {}, {}, {}, {}, {}
	local more = {}
	for id in pairs(remade) do
		local job = jobs[id]
		more[id] = cmsgpack.pack(job.seq, job.expires, job.key,
			job.flow)
	end
	write(MORE, remade, more)
	batch(job_words, 'HSET', JOB)
	batch(said_words, 'HSET', SAID)
	job_words, said_words = {}, {}
	local packs = {}
	for id in pairs(changed) do
		packs[id] = pack(jobs[id])
	end
	write(JOB, changed, packs)
	write(SAID, said_more, said)
	local all = {}
	for _, stages in pairs(queue_counts) do
		for stage, by in pairs(stages) do
			all[stage] = (all[stage] or 0) + by
		end
	end
	for stage, by in pairs(all) do
		if by ~= 0 then
			redis.call('HINCRBY', key('count'), stage, by)
		end
	end
	add_counts('count', queue_counts)
	add_counts('total', flow_counts)
	queue_counts, flow_counts = {}, {}
end

-- Who listens is told, each queue once; what is told says nothing. A user who
-- may not publish (Redis lets a new one do so nowhere) is no worse off than
-- that others look later.
local function ring()
	local any = false
	for queue in pairs(rings) do
		redis.pcall('PUBLISH', key('ring', queue), '')
		any = true
	end
	if any then
		redis.pcall('PUBLISH', key('ring'), '')
	end
end

-- --- reads -----------------------------------------------------------------

-- HMGET of any number of fields, in their order.
local function fields(name, ids)
	local out = {}
	for at = 1, #ids, WORDS do
		local piece = redis.call('HMGET', name,
			unpack(ids, at, math.min(at + WORDS - 1, #ids)))
		if at == 1 then
			out = piece
		else
			for i = 1, #piece do
				table.insert(out, piece[i])
			end
		end
	end
	return out
end

-- Reads of those jobs that were not read yet what is in job.
local function load_packed(ids)
	local missing, n = {}, 0
	for i = 1, #ids do
		local id = ids[i]
		if jobs[id] == nil and packed_jobs[id] == nil then
			packed_jobs[id] = false
			n = n + 1
			missing[n] = id
		end
	end
	local packs = fields(JOB, missing)
	for i = 1, n do
		packed_jobs[missing[i]] = packs[i]
	end
end

-- Reads those jobs that were not read yet.
local function load(ids)
	local missing = {}
	load_packed(ids)
	for _, id in ipairs(ids) do
		local packed = packed_jobs[id]
		if packed then
			jobs[id] = unpacked(packed)
			missing[#missing + 1] = id
		elseif packed == false then
			jobs[id] = false
		end
		packed_jobs[id] = nil
	end
	for i, more in ipairs(fields(MORE, missing)) do
		local job = jobs[missing[i]]
		job.seq, job.expires, job.key, job.flow =
			cmsgpack.unpack(more)
	end
end

local function load_said(ids)
	local missing, n = {}, 0
	for i = 1, #ids do
		if said[ids[i]] == nil then
			said[ids[i]] = false
			n = n + 1
			missing[n] = ids[i]
		end
	end
	local texts_of = fields(SAID, missing)
	for i = 1, n do
		if texts_of[i] then
			said[missing[i]] = texts_of[i]
		end
	end
end

-- The jobs of a part of a sorted set by time; they are read. What a push left
-- there that failed half way is nobody's, and goes with the next flush().
local function until_time(name, most)
	local ids, out = redis.call('ZRANGEBYSCORE', key(name), '-inf', now,
		'LIMIT', 0, most), {}
	load(ids)
	for _, id in ipairs(ids) do
		if jobs[id] then
			out[#out + 1] = id
		else
			zset(key(name), id, false)
		end
	end
	return out
end

-- The ids of those batches whose time is until then.
local function batched(before)
	local out = {}
	for _, number in ipairs(redis.call('ZRANGEBYSCORE', BATCHES, '-inf',
		before)) do
		for _, id in ipairs(redis.call('SMEMBERS',
			key('batch', number))) do
			out[#out + 1] = id
		end
	end
	return out
end

-- What all lines of a job end with, but for its closing brace.
local function standing(job)
	return ',"attempt":' .. text_of(job.attempt) .. ',"run_at":"'
		.. time(job.run) .. '","state":"' .. STATE[job.stage] .. '"'
end
