-- A page of jobs: "by" says where to walk, every other member narrows. The
-- cursor is an entry, or "w" and the place among those that wait. A page
-- looks at no more than so many entries; then it ends, however few it has
-- found, and the next one goes on from there.
-- include common.lua
-- include json.lua
-- include job.lua
local LOOKS, PIECE = 5000, 100

local by, limit = given(request.by) or 'all', given(request.limit) or 500
local after, ids = given(request.after), given(request.ids) or {}
local state, name = given(request.state), given(request.name)
local older, stuck = given(request.older_ms), given(request.stuck_ms)
local tail, queues = given(request.tail), given(request.queues) or {}

for _, member in ipairs({ 'key', 'flow' }) do
	if given(request[member]) or by == member then
		return refuse('UNSUPPORTED', member
			.. ': a stream has no place for it')
	end
end
local ours = #queues == 0
for _, queue in ipairs(queues) do
	ours = ours or queue == 'default'
end
local info = group_info()
if not info then
	return refuse('CONFIG', 'the stream ' .. STREAM .. ' has no group '
		.. GROUP .. ' any more')
end
local last = info['last-delivered-id']
if not ours then
	return {}
end

-- What became of an entry, and the record if there is one.
local function state_of(entry, fields)
	if before(last, entry) then
		return fields and 'pending'
	end
	local had, job = pending(entry), record(entry)
	if had and job and job.waits then
		return 'pending', job
	elseif had and had.consumer == PARK then
		return 'pending', job
	elseif had then
		return 'running', job, had
	end
	job = unpacked('ended', entry)
	return job and job.state or fields and 'completed', job
end

local function age(at)
	return max(0, floor((now - at) / 1000))
end

local function standing(entry, is, job, had)
	job = job or { attempt = is == 'pending' and 0 or 1, rescues = 0,
		run = entry_ms(entry) }
	local since = had and now - had.idle
	local out = ',"attempt":' .. job.attempt .. ',"run_at":"'
		.. time(job.run) .. '","state":"' .. is .. '","pushed_at":"'
		.. time(entry_ms(entry)) .. '"'
	if had then
		-- One that a peer has is known by its idle time only.
		local known = job.worker == had.consumer and job.claimed
		out = out .. ',"held":{"worker":' .. quote(had.consumer)
			.. ',"age":' .. age(known or since) .. ',"renewed":'
			.. age(known and job.renewed or since) .. ',"silent":'
			.. age(known and job.heard or since) .. '}'
	elseif job.ended then
		out = out .. ',"ended":{"at":"' .. time(job.ended) .. '"'
			.. (job.reason and ',"reason":' .. quote(job.reason)
				or '')
			.. (job.error and ',"error":' .. quote(job.error)
				or '') .. '}'
	end
	return out .. (job.rescues > 0 and ',"rescues":' .. job.rescues or '')
		.. '}'
end

local function is_stuck(entry, is, job, had)
	local since = had and (job and job.heard or now - had.idle)
		or is == 'pending' and (job and job.run or entry_ms(entry))
	return since and since <= now - stuck
end

local answer, bytes, cursor, full = {}, 0, nil, false

-- Adds an entry if it fits; true when the page is full without it. at is the
-- cursor behind it.
local function add(entry, fields, at)
	local is, job, had = state_of(entry, fields)
	local read, why
	if fields then
		read, why = read_job(entry, fields)
	end
	read = read or { id = job and job.id or entry, line = '{"id":"'
		.. (job and job.id or entry) .. '","queue":"default",'
		.. '"name":"default","meta":{"entry":'
		.. quote(why or 'its payload was trimmed away') .. '}' }
	if not is or (state and is ~= state)
		or (name and read.name ~= name)
		or (by == 'ready' and (why or is ~= 'pending'))
		or (older and entry_ms(entry) > now - older)
		or (stuck and not is_stuck(entry, is, job, had)) then
		cursor = at
		return false
	end
	local line = read.line .. standing(entry, is, job, had)
	if #answer >= limit or (#answer > 0 and bytes + #line > PAGE_BYTES)
	then
		full = true
		return true
	end
	bytes = bytes + #line
	answer[#answer + 1] = line
	cursor = at
	return false
end

-- The stream itself, from behind an entry on.
local function walk_stream(from)
	local looks = 0
	repeat
		local page = call('XRANGE', STREAM, from, '+', 'COUNT',
			min(limit + 1, PIECE))
		for _, found in ipairs(page) do
			if add(found[1], found[2], found[1]) then
				return
			end
			from = '(' .. found[1]
		end
		looks = looks + #page
		if #page < min(limit + 1, PIECE) then
			return
		end
	until looks >= LOOKS
	full = true
end

-- A sorted set of entries, from a rank on.
local function walk_set(set, rank, most, mark)
	local looks = 0
	repeat
		local page = call('ZRANGE', key(set), rank,
			min(rank + PIECE, most) - 1)
		for _, entry in ipairs(rank < most and page or {}) do
			rank = rank + 1
			if add(entry, payload(entry), mark .. rank) then
				return true
			end
		end
		looks = looks + #page
		if #page < PIECE then
			return false
		end
	until looks >= LOOKS
	full = true
	return true
end

-- In the order of claims: what waited and is due, then what is new.
local function walk_ready()
	local rank = tonumber(match(after or 'w0', '^w(%d+)$') or nil)
	local due = call('ZCOUNT', key('wait'), '-inf', now)
	if rank and walk_set('wait', rank, due, 'w') then
		return
	end
	walk_stream('(' .. (rank and last or after))
end

local function walk_running()
	local from, looks = after and '(' .. after or '-', 0
	repeat
		local page = call('XPENDING', STREAM, GROUP, from, '+', PIECE)
		for _, found in ipairs(page) do
			from = '(' .. found[1]
			if found[2] ~= PARK and add(found[1],
				payload(found[1]), found[1]) then
				return
			end
			cursor = found[1]
		end
		looks = looks + #page
		if #page < PIECE then
			return
		end
	until looks >= LOOKS
	full = true
end

local function walk_ids(list)
	local seen, entries = {}, {}
	for _, id in ipairs(list) do
		local entry = entry_of(id)
		if not seen[entry] and (not after or before(after, entry)) then
			entries[#entries + 1] = entry
		end
		seen[entry] = true
	end
	table.sort(entries, before)
	for _, entry in ipairs(entries) do
		if add(entry, payload(entry), entry) then
			return
		end
	end
end

-- Two are enough to tell that there is more than one.
local function walk_tail()
	local found, at = {}, '0'
	repeat
		local page = call('HSCAN', key('id'), at, 'COUNT', 1000)
		at = page[1]
		for i = 1, #page[2], 2 do
			if #tail >= 6 and #found < 2
				and sub(page[2][i], -#tail) == tail then
				found[#found + 1] = page[2][i]
			end
		end
	until at == '0' or #found >= 2
	local from, looks = '+', 0
	while #tail >= 6 and #found < 2 and looks < LOOKS do
		local page = call('XREVRANGE', STREAM, from, '-', 'COUNT', 20)
		for _, entry in ipairs(page) do
			if sub(entry[1], -#tail) == tail and #found < 2 then
				found[#found + 1] = entry[1]
			end
			from = '(' .. entry[1]
		end
		looks = looks + (#page < 20 and LOOKS or 20)
	end
	walk_ids(found)
end

if by == 'ready' then
	walk_ready()
elseif by == 'ids' then
	walk_ids(ids)
elseif by == 'running' then
	walk_running()
elseif by == 'tail' then
	walk_tail()
elseif by == 'failed' then
	walk_set('failed', tonumber(after or 0), math.huge, '')
else
	walk_stream(after and '(' .. after or '-')
end
if full and cursor then
	answer[#answer + 1] = '{"event":"page","after":"' .. cursor .. '"}'
end
return answer
