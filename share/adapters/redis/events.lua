-- Replay from a cursor: every later event that is kept, or first a gap when
-- some that were later have been deleted. A cursor below 0 is the newest
-- event's. A page looks at no more than so many entries; one that is not full
-- ends at the newest event of the store, whosever that is.
-- include common.lua
local LOOKS = 10000

local limit, ids = given(request.limit) or 500, given(request.ids)
local flow, since = given(request.flow), given(request.since) or 0
local last = tonumber(call('HGET', key('meta'), 'event') or 0)
local pruned = tonumber(call('HGET', key('meta'), 'pruned') or 0)
local answer, found, bytes = {}, 0, 0
local after, full = nil, false

if since < 0 then
	since = last
end
if not ids and since < pruned then
	answer[1] = '{"event":"gap","since":' .. since .. ',"until":' .. pruned
		.. '}'
end

-- Adds an entry of the stream; true when the page is full.
local function add(entry)
	local seq, line = string.match(entry[1], '^%d+'), entry[2][4]
	if found > 0 and (found >= limit or bytes + #line > PAGE_BYTES) then
		full = true
		return true
	end
	answer[#answer + 1] = line .. ',"seq":' .. seq .. '}'
	found, bytes, after = found + 1, bytes + #line, seq
end

local function of_jobs()
	local seqs = {}
	for _, id in ipairs(ids) do
		for _, seq in ipairs(call('HVALS', key('said', id))) do
			seqs[#seqs + 1] = tonumber(seq)
		end
	end
	table.sort(seqs)
	local before
	for _, seq in ipairs(seqs) do
		if seq > since and seq ~= before then
			for _, entry in ipairs(call('XRANGE', key('event'),
				seq .. '-0', seq .. '-0')) do
				if add(entry) then
					return
				end
			end
		end
		before = seq
	end
end

local function of_all()
	local at, looks = since, 0
	while looks < LOOKS do
		local entries = call('XRANGE', key('event'),
			'(' .. at .. '-0', '+', 'COUNT', min(limit, 500))
		local named = {}
		for i, entry in ipairs(entries) do
			named[i] = entry[2][2]
		end
		if flow then
			load(named)
		end
		for i, entry in ipairs(entries) do
			local job = flow and jobs[named[i]]
			at = string.match(entry[1], '^%d+')
			if (not flow or (job and job[FLOW] == flow))
				and add(entry) then
				return
			end
			after = flow and at or after
		end
		looks = looks + #entries
		if #entries < min(limit, 500) then
			return
		end
		if not flow and found >= limit then
			full = true
			return
		end
	end
	full = true
end

if ids then
	of_jobs()
else
	of_all()
end
answer[#answer + 1] = '{"event":"page","after":'
	.. (full and after or max(last, since) .. ',"more":false') .. '}'
return answer
