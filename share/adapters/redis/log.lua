-- The log of events.
--
-- In said the events of a job are named, as " EPOCH:N:SEQ", and " ::SEQ" for
-- the store's own; of a job that has many of them in a hash said:ID, EPOCH:N
-- to SEQ, and said is "*".
local INLINE = 300
local event_seq
local logged = {}
-- What events are named, by epoch and n.
local names = {}
local format = string.format

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

-- Keeps an event, line and what goes on with it, less its closing brace; epoch
-- and n are texts, n is nil for the store's own. Nothing is done when it is kept
-- already. What the job has said must have been read.
local function keep(id, epoch, n, line, more)
	local named = ':'
	if n then
		local of = names[epoch]
		if not of then
			of = {}
			names[epoch] = of
		end
		named = of[n]
		if not named then
			named = epoch .. ':' .. n
			of[n] = named
		end
		if said[id] and is_kept(id, named) then
			return
		end
	end
	event_seq = (event_seq or tonumber(redis.call('HGET', key('meta'),
		'event') or 0)) + 1
	local seq = format('%d', event_seq)
	if said[id] then
		name_event(id, named, seq)
	else
		said[id] = ' ' .. named .. ':' .. seq
		local to = #said_words
		said_words[to + 1], said_words[to + 2] = id, said[id]
	end
	local at = #logged
	logged[at + 1], logged[at + 2] = seq, id .. ' ' .. line .. more
end

-- Writes what was kept, at the end.
local function keep_log()
	batch(said_words, 'HSET', SAID)
	said_words = {}
	write(SAID, said_more, said)
	if event_seq then
		batch(logged, 'HSET', key('event'))
		redis.call('HSET', key('meta'), 'event',
			string.format('%.0f', event_seq))
		logged = {}
	end
end
