-- Begins every verb. KEYS[1] is the stream, ARGV[1] the request, ARGV[2] the
-- prefix and the parameters of the URL: STREAM and GROUP are somebody's, with
-- other consumers in the group maybe, so nothing is ever taken out of the
-- stream.
--
-- A job is an entry. The group's list of pending entries is the truth about
-- who has it: its epoch is the entry's delivery count, which never goes down,
-- its worker the consumer. What that list has no place for is beside it, in
-- keys that are in the stream's slot of a cluster:
--
--   attempt    a hash by entry: the job's record, packed (see record()); gone
--              with the acknowledgement
--   lease      what our workers have, by the time when they lose it
--   wait       what waits to be tried again, by its time. Such an entry stays
--              pending, as that of the consumer PARK, which nobody is: so no
--              consumer that looks through its own entries takes it early
--   ended      a hash by entry: the records of what was acknowledged, for the
--              endings that are sent again, until the time in prune; failed
--              and cancelled are those of them that were so
--   outbox     a hash by entry: what of an ending is to be written on another
--              node of a cluster before it is acknowledged (outbox.lua)
--   out        the same entries, by when any call may do that
--   id         a hash: the entries of jobs that were pushed with ids
--   worker     our consumers, by when they last asked
--   scan       how far the list of pending entries was looked through
--
-- A peer that claims an entry for itself makes its count grow: then what we
-- know of it is stale, and so are our workers.
local request = cjson.decode(ARGV[1])
-- What an adapter with this base does not have among its parameters is empty.
local parameter = setmetatable(cjson.decode(ARGV[2]),
	{ __index = function() return '' end })
local call, pcall_redis = redis.call, redis.pcall
local floor, max, min = math.floor, math.max, math.min
local find, match, sub, byte = string.find, string.match, string.sub,
	string.byte
local format, concat = string.format, table.concat

local STREAM, GROUP, PARK = parameter.stream, parameter.group, 'jobq-parked'
local PREFIX = parameter.prefix
local BASE = PREFIX .. ':'
	.. (find(STREAM, '{[^}]+}') and STREAM or '{' .. STREAM .. '}')
	.. ':' .. GROUP .. ':'

-- An answer is at most so many bytes of lines, but at least one line.
local PAGE_BYTES = 4194304
-- What is longer does not fit into a line from a store.
local ENTRY_BYTES = 2097152 - 8192

local clock = call('TIME')
local now = clock[1] * 1000 + floor(clock[2] / 1000)
math.randomseed((clock[1] * 1000000 + clock[2]) % 2147483647)

-- How long what a consumer that is not ours has may be idle; ours have leases.
local function idle_ms(lease_ms)
	local idle = tonumber(parameter.idle)
	return idle and idle * 1000 or lease_ms
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

local function key(name)
	return BASE .. name
end

-- include words.lua

-- A field of an entry, or nil.
local function value_of(fields, name)
	for i = 1, #fields, 2 do
		if fields[i] == name then
			return fields[i + 1]
		end
	end
	return nil
end

-- --- the group -------------------------------------------------------------

-- What XINFO says of the group, by name; nil when there is none.
local function group_info()
	local groups = pcall_redis('XINFO', 'GROUPS', STREAM)
	for _, words in ipairs(groups.err and {} or groups) do
		local info = {}
		for i = 1, #words, 2 do
			info[words[i]] = words[i + 1]
		end
		if info.name == GROUP then
			return info
		end
	end
	return nil
end

-- What was sent before the first worker came is not skipped: hence 0. Another
-- may have been faster.
local function make_group()
	local made = pcall_redis('XGROUP', 'CREATE', STREAM, GROUP, '0',
		'MKSTREAM')
	if made.err and not find(made.err, 'BUSYGROUP', 1, true) then
		return made
	end
	return nil
end

-- Whether XINFO has given us a number.
local function counted(info, name)
	return tonumber(info and info[name] or nil)
end

-- How many entries no consumer has had yet, counted no further than most where
-- the server does not know it.
local function undelivered(info, most)
	local lag = counted(info, 'lag')
	if lag then
		return lag
	end
	local sum, at = 0, '(' .. info['last-delivered-id']
	repeat
		local page = call('XRANGE', STREAM, at, '+', 'COUNT', 100)
		sum = sum + #page
		at = #page > 0 and '(' .. page[#page][1]
	until #page < 100 or sum >= most
	return sum
end

-- Who has an entry, and how often it was delivered; nil: it is not pending.
local function pending(entry)
	local found = call('XPENDING', STREAM, GROUP, entry, entry, 1)[1]
	return found and { consumer = found[2], idle = found[3],
		count = found[4] }
end

-- The fields of an entry in a row, or nil when it was trimmed away.
local function payload(entry)
	local found = call('XRANGE', STREAM, entry, entry)[1]
	return found and found[2]
end

-- Gives an entry to a consumer. Its count is said, so that it cannot be
-- another one than we have compared. (XCLAIM takes an entry whose payload is
-- gone out of the list without a word: callers have looked.)
local function give(entry, consumer, count)
	call('XCLAIM', STREAM, GROUP, consumer, 0, entry, 'RETRYCOUNT', count,
		'JUSTID')
end

local function entry_ms(entry)
	return tonumber(match(entry, '^%d+'))
end

-- Whether one id of an entry is before another.
local function before(one, other)
	local a, b = entry_ms(one), entry_ms(other)
	if a ~= b then
		return a < b
	end
	return tonumber(match(one, '%d+$')) < tonumber(match(other, '%d+$'))
end

-- --- records ---------------------------------------------------------------

-- Records that were read (false: there is none), and those that changed.
local records, changed = {}, {}

local function unpacked(name, entry)
	local packed = call('HGET', key(name), entry)
	return packed and cmsgpack.unpack(packed)
end

-- The record of an entry that is pending, or false.
local function record(entry)
	if records[entry] == nil then
		records[entry] = unpacked('attempt', entry)
	end
	return records[entry]
end

-- A record of a job that has not run yet; job is what read_job() made.
local function new_record(entry, job)
	records[entry] = { id = job.id, most = job.most, note = job.note,
		attempt = 0, rescues = 0, snoozes = 0, epoch = 0,
		run = entry_ms(entry), lease = 30000 }
	return records[entry]
end

local function change(entry)
	changed[entry] = true
end

local function forget(entry)
	call('HDEL', key('attempt'), entry)
	call('ZREM', key('lease'), entry)
	call('ZREM', key('wait'), entry)
	records[entry], changed[entry] = false, nil
end

local function flush()
	for entry in pairs(changed) do
		call('HSET', key('attempt'), entry,
			cmsgpack.pack(records[entry]))
	end
	changed = {}
end

-- The entry of a job's id, which is either itself or what push noted. Where
-- there is none it is the last one that a stream can have, which none has.
local NO_ENTRY = '18446744073709551615-18446744073709551615'

local function entry_of(id)
	local entry = call('HGET', key('id'), id)
	if entry then
		return entry
	end
	local ms, seq = match(id, '^(%d+)%-(%d+)$')
	local whole = ms and #ms < 20 and #seq < 20
		and not find(ms, '^0%d') and not find(seq, '^0%d')
	return whole and id or NO_ENTRY
end
