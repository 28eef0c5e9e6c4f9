-- Begins every verb. KEYS[1] is the prefix of all keys, ARGV[1] the request.
--
-- A job is two fields: PREFIX:line holds its line as it was pushed, less its
-- closing brace, PREFIX:job what changes, packed by cmsgpack (the order is
-- that of the names below). Both are hashes by id, so that a batch of 500
-- jobs is read by one command and written by another: what a job costs is
-- little more than its share of those. All else are indexes of them:
--
--   all           of all ids, by the order of push (seq)
--   ready:QUEUE   what can start: by -priority, then seq (see place())
--   apart:QUEUE   the same of those that were rescued twice (take.lua)
--   flow:FLOW     of all ids of a flow, by seq
--   begin:FLOW    what of a flow can start, as ready
--   due lease expiry prune   ids by the time when something is to be done
--   failed        ids by seq
--   risky         ids that run and were rescued twice
--   key           the id of the unfinished job that has a key of a queue
--   wants:ID      what a blocked job waits for; needs:ID who waits for it;
--                 needed: all that somebody waits for
--   count:QUEUE   how many jobs are in each stage; total:FLOW the same
--   queues paused claimed    names; since when; when a worker last asked
--   event         the log, a stream whose ids are SEQ-0
--   said:ID       the events of a job: "EPOCH:N", or ":SEQ" for the store's
--                 own, and their seq
--   meta          version, the last seq of a job, of an event, of one pruned
--
-- A script is not taken back when it fails: all that can fail comes before
-- the first write. Writes are gathered and made by flush(), each index by one
-- command. Times are milliseconds since 1970 by the server's clock.
local PREFIX = KEYS[1]
local request = cjson.decode(ARGV[1])
local call, floor, max, min = redis.call, math.floor, math.max, math.min
local format, concat, insert = string.format, table.concat, table.insert

local SEQ, QUEUE, NAME, STAGE, PRIORITY = 1, 2, 3, 4, 5
local ATTEMPT, MOST, RUN, PUSHED, BYTES = 6, 7, 8, 9, 10
local EXPIRES, KEY, FLOW, EPOCH, WORKER = 11, 12, 13, 14, 15
local LEASE, UNTIL, CLAIMED, STARTED, RENEWED = 16, 17, 18, 19, 20
local HEARD, RESCUES, SNOOZES, CANCEL, SETTLED = 21, 22, 23, 24, 25
local ENDED, REASON, ERROR, PRUNE = 26, 27, 28, 29

local BLOCKED, SCHEDULED, READY, RUNNING = 0, 1, 2, 3
local COMPLETED, CANCELLED, FAILED = 4, 5, 6
local STATE = { [0] = 'blocked', 'pending', 'pending', 'running', 'completed',
	'cancelled', 'failed' }

-- An answer is at most so many bytes of lines, but at least one line.
local PAGE_BYTES = 4194304
-- A command takes at most so many words from a script.
local WORDS = 4000

local clock = call('TIME')
local now = clock[1] * 1000 + floor(clock[2] / 1000)
math.randomseed((clock[1] * 1000000 + clock[2]) % 2147483647)

local function key(name, of)
	return of and PREFIX .. ':' .. name .. ':' .. of
		or PREFIX .. ':' .. name
end

-- A member of the request that may be absent or null.
local function given(value)
	if value == cjson.null then
		return nil
	end
	return value
end

local function truth(value)
	return value == true or value == 1
end

local function refuse(class, text)
	return redis.error_reply(class .. ' ' .. text)
end

-- --- JSON ------------------------------------------------------------------

local function quote(text)
	return (string.gsub(cjson.encode(text), '\\/', '/'))
end

-- The date of a day since 1970, by the algorithm of H. Hinnant, "chrono-
-- Compatible Low-Level Date Algorithms", civil_from_days.
local function date(days)
	local z = days + 719468
	local era = floor(z / 146097)
	local doe = z - era * 146097
	local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524)
		- floor(doe / 146096)) / 365)
	local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
	local mp = floor((5 * doy + 2) / 153)
	local month = mp < 10 and mp + 3 or mp - 9
	return format('%04d-%02d-%02d', yoe + era * 400
		+ (month <= 2 and 1 or 0), month,
		doy - floor((153 * mp + 2) / 5) + 1)
end

local dates, times = {}, {}

local function time(ms)
	local text = times[ms]
	if text then
		return text
	end
	local days = floor(ms / 86400000)
	local rest = ms - days * 86400000
	dates[days] = dates[days] or date(days)
	text = format('%sT%02d:%02d:%02d.%03dZ', dates[days],
		floor(rest / 3600000), floor(rest / 60000) % 60,
		floor(rest / 1000) % 60, rest % 1000)
	times[ms] = text
	return text
end

-- --- writes, gathered ------------------------------------------------------

-- Of a sorted set: the score of each member, or false for one that goes.
local zsets, counts = {}, {}
-- Jobs that were read (false: there is none); those of them that changed.
local jobs, changed = {}, {}
-- Queues in which something became ready, or whose workers are to look.
local rings = {}

local function place(job, id)
	return format('%016d', job[SEQ]) .. id
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

local function count_in(name, stage, by)
	local of = counts[name]
	if not of then
		of = {}
		counts[name] = of
	end
	of[stage] = (of[stage] or 0) + by
end

local function count(job, by)
	count_in(key('count', job[QUEUE]), job[STAGE], by)
	if job[FLOW] then
		count_in(key('total', job[FLOW]), job[STAGE], by)
	end
end

-- Where a job of its stage stands: there it is entered, or taken out.
local function index(id, job, out)
	local stage = job[STAGE]
	if stage == RUNNING then
		zset(key('lease'), id, not out and job[UNTIL])
		if job[RESCUES] >= 2 then
			call(out and 'SREM' or 'SADD', key('risky'), id)
		end
	elseif stage == READY then
		local member = place(job, id)
		zset(key(job[RESCUES] < 2 and 'ready' or 'apart', job[QUEUE]),
			member, not out and -job[PRIORITY])
		if job[FLOW] then
			zset(key('begin', job[FLOW]), member,
				not out and -job[PRIORITY])
		end
		if not out then
			rings[job[QUEUE]] = rings[job[QUEUE]] or READY
		end
	elseif stage == SCHEDULED then
		zset(key('due'), id, not out and job[RUN])
		if not out then
			rings[job[QUEUE]] = SCHEDULED
		end
	elseif stage > RUNNING then
		zset(key('prune'), id, not out and job[PRUNE])
		if stage == FAILED then
			zset(key('failed'), id, not out and job[SEQ])
		end
	end
	if job[EXPIRES] and stage < RUNNING then
		zset(key('expiry'), id, not out and job[EXPIRES])
	end
	count(job, out and -1 or 1)
end

-- Before the members that indexes look at change, and after.
local function leave(id, job)
	index(id, job, true)
end

local function enter(id, job)
	index(id, job, false)
	changed[id] = true
end

-- Calls with the command's first words and then as many more as it takes.
local function batch(words, ...)
	local first = { ... }
	for at = 1, #words, WORDS do
		local piece = {}
		for i = at, min(at + WORDS - 1, #words) do
			insert(piece, words[i])
		end
		for i = #first, 1, -1 do
			insert(piece, 1, first[i])
		end
		call(unpack(piece))
	end
end

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
	zsets = {}
	local packed = {}
	for id in pairs(changed) do
		packed[#packed + 1] = id
		packed[#packed + 1] = cmsgpack.pack(jobs[id])
	end
	batch(packed, 'HSET', key('job'))
	changed = {}
	for name, stages in pairs(counts) do
		for stage, by in pairs(stages) do
			if by ~= 0 then
				call('HINCRBY', name, stage, by)
			end
		end
	end
	counts = {}
end

-- Who listens is told, each queue once; what is told says nothing.
local function ring()
	local any = false
	for queue in pairs(rings) do
		call('PUBLISH', key('ring', queue), '')
		any = true
	end
	if any then
		call('PUBLISH', key('ring'), '')
	end
end

-- --- reads -----------------------------------------------------------------

-- HMGET of any number of fields, in their order.
local function fields(name, ids)
	local out = {}
	for at = 1, #ids, WORDS do
		local piece = call('HMGET', name,
			unpack(ids, at, min(at + WORDS - 1, #ids)))
		if at == 1 then
			out = piece
		else
			for i = 1, #piece do
				insert(out, piece[i])
			end
		end
	end
	return out
end

-- Reads those jobs that were not read yet.
local function load(ids)
	local missing = {}
	for _, id in ipairs(ids) do
		if jobs[id] == nil then
			jobs[id] = false
			missing[#missing + 1] = id
		end
	end
	for i, packed in ipairs(fields(key('job'), missing)) do
		if packed then
			jobs[missing[i]] = cmsgpack.unpack(packed)
		end
	end
end

-- The ids of a part of a sorted set by time.
local function until_time(name, most)
	return call('ZRANGEBYSCORE', key(name), '-inf', now, 'LIMIT', 0, most)
end

-- What all lines of a job end with, but for its closing brace.
local function standing(job)
	return ',"attempt":' .. job[ATTEMPT] .. ',"run_at":"' .. time(job[RUN])
		.. '","state":"' .. STATE[job[STAGE]] .. '"'
end

-- --- events ----------------------------------------------------------------

local event_seq

-- Keeps an event, line less its closing brace; its n is nil for the store's
-- own. False when it is kept already.
local function keep(id, epoch, n, line)
	event_seq = event_seq or tonumber(call('HGET', key('meta'), 'event')
		or 0)
	local seq = event_seq + 1
	if call('HSETNX', key('said', id), n and epoch .. ':' .. n
		or ':' .. seq, seq) == 0 then
		return false
	end
	event_seq = seq
	call('XADD', key('event'), seq .. '-0', 'job', id, 'line', line)
	return true
end

local function keep_seq()
	if event_seq then
		call('HSET', key('meta'), 'event', event_seq)
	end
end
