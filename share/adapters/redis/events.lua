-- Replay from a cursor: every later event that is kept, or first a gap when
-- some that were later have been deleted. A cursor below 0 is the newest
-- event's. A page looks at no more than so many entries; one that is not full
-- ends at the newest event of the store, whosever that is.
-- include common.lua
-- include log.lua
local LOOKS = 10000

local limit, ids = given(request.limit) or 500, given(request.ids)
local flow, since = given(request.flow), given(request.since) or 0
local last = tonumber(redis.call('HGET', key('meta'), 'event') or 0)
local pruned = tonumber(redis.call('HGET', key('meta'), 'pruned') or 0)
local answer, found, bytes = {}, 0, 0
local after, full = nil, false

if since < 0 then
	since = last
end
if not ids and since < pruned then
	answer[1] = '{"event":"gap","since":' .. since .. ',"until":' .. pruned
		.. '}'
end

-- Adds an event; true when the page is full without it.
local function add(seq, line)
	if found > 0 and (found >= limit or bytes + #line > PAGE_BYTES) then
		full = true
		return true
	end
	answer[#answer + 1] = line .. ',"seq":' .. seq .. '}'
	found, bytes, after = found + 1, bytes + #line, seq
end

-- The events of these numbers, some of which may be gone.
local function add_all(seqs)
	local named, lines = {}, {}
	for i, text in ipairs(fields(key('event'), seqs)) do
		if text then
			named[i], lines[i] = string.match(text, '^(%S+) (.*)$')
		end
	end
	if flow then
		local list = {}
		for i = 1, #seqs do
			list[#list + 1] = named[i]
		end
		load(list)
	end
	for i, seq in ipairs(seqs) do
		local job = flow and named[i] and jobs[named[i]]
		if lines[i] and (not flow or (job and job.flow == flow))
			and add(seq, lines[i]) then
			return true
		end
		after = seq
	end
end

local function of_jobs()
	local seqs, list, at = {}, {}, 1
	load_said(ids)
	for _, id in ipairs(ids) do
		each_said(id, function(_, seq)
			if tonumber(seq) > since then
				seqs[tonumber(seq)] = true
			end
		end)
	end
	for seq in pairs(seqs) do
		list[#list + 1] = seq
	end
	table.sort(list)
	while at <= #list do
		local piece = {}
		for i = at, math.min(at + 499, #list) do
			piece[#piece + 1] = string.format('%.0f', list[i])
		end
		if add_all(piece) then
			return
		end
		at = at + 500
	end
end

local function of_all()
	local at, looks = since, 0
	while at < last and looks < LOOKS do
		local seqs = {}
		for seq = at + 1, math.min(at + 500, last) do
			seqs[#seqs + 1] = string.format('%.0f', seq)
		end
		if add_all(seqs) then
			return
		end
		at, looks = at + #seqs, looks + #seqs
	end
	full = at < last
end

if ids then
	of_jobs()
else
	of_all()
end
answer[#answer + 1] = '{"event":"page","after":'
	.. (full and after
		or string.format('%.0f', math.max(last, since))
			.. ',"more":false') .. '}'
return answer
