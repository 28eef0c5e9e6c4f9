-- The log of events.
--
-- In said the events of a job are named, as " EPOCH:N:SEQ", and " ::SEQ" for
-- the store's own; of a job that has many of them in a hash said:ID, EPOCH:N
-- to SEQ, and said is "*".
local INLINE = 300
local event_seq
local logged = {}

local function said_key(id)
	return key('said', id)
end

local function is_kept(id, named)
	if not said[id] then
		return false
	elseif said[id] == '*' then
		return redis.call('HEXISTS', said_key(id), named) == 1
	end
	return string.find(said[id], ' ' .. named .. ':', 1, true) ~= nil
end

-- Calls what with EPOCH:N and SEQ of each.
local function each_said(id, what)
	if said[id] == '*' then
		local all = redis.call('HGETALL', said_key(id))
		for i = 1, #all, 2 do
			what(all[i], all[i + 1])
		end
	elseif said[id] then
		for named, seq in string.gmatch(said[id],
			' (%d*:%d*):(%d+)') do
			what(named == ':' and ':' .. seq or named, seq)
		end
	end
end

local function name_event(id, named, seq)
	if said[id] ~= '*' and #(said[id] or '') < INLINE then
		said[id] = (said[id] or '') .. ' ' .. named .. ':' .. seq
		said_more[id] = true
		return
	end
	if said[id] ~= '*' then
		local words = {}
		each_said(id, function(name, at)
			words[#words + 1] = name
			words[#words + 1] = at
		end)
		batch(words, 'HSET', said_key(id))
		said[id], said_more[id] = '*', true
	end
	redis.call('HSET', said_key(id), named == ':' and ':' .. seq or named,
		seq)
end

-- Keeps an event, line and what goes on with it, less its closing brace; its n,
-- a text, is nil for the store's own. Nothing is done when it is kept already.
-- What the job has said must have been read.
local function keep(id, epoch, n, line, more)
	local named = n and text_of(epoch) .. ':' .. n or ':'
	if n and is_kept(id, named) then
		return
	end
	event_seq = (event_seq or tonumber(redis.call('HGET', key('meta'),
		'event') or 0)) + 1
	-- To make a text of a number is slow, so it is made of two, of which
	-- many are known.
	local seq = event_seq < 1000 and text_of(event_seq)
		or text_of(math.floor(event_seq / 1000))
		.. string.sub(text_of(1000 + event_seq % 1000), 2)
	name_event(id, named, seq)
	local at = #logged
	logged[at + 1] = seq
	logged[at + 2] = id .. ' ' .. line .. more
end

-- Writes what was kept, at the end.
local function keep_log()
	write(SAID, said_more, said)
	if event_seq then
		batch(logged, 'HSET', key('event'))
		redis.call('HSET', key('meta'), 'event',
			string.format('%.0f', event_seq))
		logged = {}
	end
end
