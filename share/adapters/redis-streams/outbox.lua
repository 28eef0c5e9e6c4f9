-- Results and dead letters that another node of a cluster has the stream of.
-- No script can write there, so the ending is done in three steps:
--
--   1. The script that settles puts the words of those entries into the
--      outbox, in the slot of the stream of requests, and into its answer.
--      The job does not run any more, but its entry stays pending.
--   2. The driver writes them where they belong (write.lua).
--   3. When that is answered, written.lua acknowledges, unless the entry is
--      meanwhile another consumer's or was delivered once more.
--
-- What ends in between is in the outbox: the ending, sent again, has it
-- written at once, and so has any claim or settle after GRACE. Then it may be
-- written twice, never not at all; the id tells one that was.
local GRACE = 10000

-- No more is carried at once; the rest is due with the next call.
local CARRY_WORDS, CARRY_BYTES = 20000, 8388608

-- What this call has for others: names of streams, the words for each (a
-- count, and so many words of an entry), and what written.lua will be told.
local far_streams, far_words, far_named = {}, {}, {}
local carried, carried_words, carried_bytes = {}, 0, 0

-- Writes an entry, or adds it to far.
local function write(stream, words, far)
	local done = pcall_redis('XADD', stream, '*', unpack(words))
	if type(done) ~= 'table' or not done.err then
		return
	elseif find(done.err, 'cript attempted to access', 1, true) then
		far[#far + 1] = { stream, words }
	else
		call('XADD', stream, '*', unpack(words))
	end
end

local function carry_words(stream, words)
	local list = far_words[stream]
	if not list then
		list = {}
		far_words[stream] = list
		far_streams[#far_streams + 1] = stream
	end
	list[#list + 1] = tostring(#words)
	for _, word in ipairs(words) do
		list[#list + 1] = tostring(word)
		carried_bytes = carried_bytes + #list[#list]
	end
	carried_words = carried_words + #words + 1
end

-- What the outbox has of an entry goes into this answer, once.
local function carry(entry, item)
	if carried[entry] then
		return
	elseif carried_words > CARRY_WORDS or carried_bytes > CARRY_BYTES then
		call('ZADD', key('out'), now, entry)
		return
	end
	carried[entry] = true
	call('ZADD', key('out'), now + GRACE, entry)
	for _, one in ipairs(item.far) do
		carry_words(one[1], one[2])
	end
	far_named[#far_named + 1] = '["' .. entry .. '",' .. item.count .. ']'
end

local function outbox_item(entry)
	local packed = call('HGET', key('outbox'), entry)
	return packed and cmsgpack.unpack(packed)
end

local function put_out(entry, job, kind, far)
	local had = pending(entry)
	local item = { consumer = had and had.consumer,
		count = had and had.count or 0, far = far }
	call('ZREM', key('lease'), entry)
	call('ZREM', key('wait'), entry)
	call('HSET', key('outbox'), entry, cmsgpack.pack(item))
	job.out, job.waits, job.ended = kind, nil, now
	records[entry] = job
	change(entry)
	carry(entry, item)
end

-- What others have left in the outbox; whether there was any.
local function carry_due()
	local due = call('ZRANGEBYSCORE', key('out'), '-inf', now,
		'LIMIT', 0, 100)
	for _, entry in ipairs(due) do
		local item = outbox_item(entry)
		if item then
			carry(entry, item)
		else
			call('ZREM', key('out'), entry)
		end
	end
	return #due > 0
end

-- The answer of a verb, behind what is to be written first, if there is any.
-- taken: jobs are in it, which must be handed out even if that fails.
local function behind_outbox(answer, taken)
	if #far_streams == 0 then
		return answer
	end
	local whole = { 'out', taken and '1' or '0', '{"written":['
		.. concat(far_named, ',') .. ']}', tostring(#far_streams) }
	for _, stream in ipairs(far_streams) do
		local words = far_words[stream]
		whole[#whole + 1] = stream
		whole[#whole + 1] = tostring(#words)
		for _, word in ipairs(words) do
			whole[#whole + 1] = word
		end
	end
	for _, line in ipairs(answer) do
		whole[#whole + 1] = line
	end
	return whole
end
