-- A page of jobs: "by" names the index to walk, every other member narrows.
-- The cursor is SEQ, or SCORE,MEMBER of the index where the order is that of
-- claims. A page looks at no more than so many jobs; then it ends, however
-- few it has found, and the next one goes on from there.
-- include common.lua
-- include inbox.lua
-- include ready.lua
-- include why.lua
local LOOKS = 20000

local by, limit = given(request.by) or 'all', given(request.limit) or 500
local queues, ids = given(request.queues) or {}, given(request.ids)
local after = given(request.after)
local older, stuck = given(request.older_ms), given(request.stuck_ms)
local state, why = given(request.state), truth(given(request.why))
local name, flow = given(request.name), given(request.flow)
local owner, tail = given(request.key), given(request.tail)
local by_queue = {}
for _, queue in ipairs(queues) do
	by_queue[queue] = true
end

local function is_stuck(job)
	local since = job.stage == 'running' and job.heard
		or WAITS[job.stage] and math.max(job.run, job.pushed)
	return since and since <= now - stuck
end

local function fits(job)
	return job
		and (not state or STATE[job.stage] == state)
		and (#queues == 0 or by_queue[job.queue])
		and (not name or job.name == name)
		and (not flow or job.flow == flow)
		and (not owner or job.key == owner)
		and (not older or job.pushed <= now - older)
		and (not stuck or is_stuck(job))
end

-- What is found: ids, and the cursor behind the last one.
local found, cursor, bytes, full = {}, nil, 0, false

-- True when the page is full without it.
local function add(id, job, at)
	if #found >= limit or (#found > 0 and bytes + job.bytes > PAGE_BYTES)
	then
		full = true
		return true
	end
	bytes = bytes + job.bytes
	found[#found + 1] = id
	cursor = at
end

-- A sorted set by seq, from the cursor on.
local function walk_seq(set)
	local at, looks = tonumber(after or 0), 0
	repeat
		local walked = redis.call('ZRANGEBYSCORE', set, '(' .. at,
			'+inf', 'WITHSCORES', 'LIMIT', 0,
			math.min(math.max(limit, 10), 500))
		local members = {}
		for i = 1, #walked, 2 do
			members[#members + 1] = walked[i]
		end
		load(members)
		for i, id in ipairs(members) do
			local job = jobs[id]
			if fits(job) and add(id, job, job.seq) then
				return
			end
			at = walked[2 * i]
			cursor = at
		end
		looks = looks + #members
		if #members == 0 then
			return
		end
	until looks >= LOOKS or #found >= limit
	full = true
end

local function by_seq(a, b)
	return jobs[a].seq < jobs[b].seq
end

-- A few ids, in the order of seq.
local function walk_ids(list)
	local known, seen = {}, {}
	load(list)
	for _, id in ipairs(list) do
		if not seen[id] and fits(jobs[id])
			and jobs[id].seq > tonumber(after or 0) then
			known[#known + 1] = id
		end
		seen[id] = true
	end
	table.sort(known, by_seq)
	for _, id in ipairs(known) do
		if add(id, jobs[id], jobs[id].seq) then
			return
		end
	end
	full = #found >= limit
end

-- Two are enough to tell that there is more than one.
local function walk_tail()
	local at = '0'
	repeat
		local page = redis.call('HSCAN', JOB, at, 'COUNT', 1000)
		at = page[1]
		for i = 1, #page[2], 2 do
			local id = page[2][i]
			if #tail >= 6 and #found < 2
				and string.sub(id, -#tail) == tail then
				load({ id })
				found[#found + 1] = id
			end
		end
	until at == '0' or #found >= 2
	table.sort(found, by_seq)
end

local function in_order(one, other)
	if one.score ~= other.score then
		return one.score < other.score
	end
	return one.member < other.member
end

-- What is due that no claim has seen to yet, as the walk of a queue.
local function walk_due(due, open, score, member)
	local list, items = {}, {}
	for _, id in ipairs(due) do
		local job = jobs[id]
		local one = { score = -job.priority, member = place(job, id) }
		if open[job.queue] and (not score or in_order(
			{ score = score, member = member }, one)) then
			list[#list + 1] = one
		end
	end
	table.sort(list, in_order)
	for _, one in ipairs(list) do
		items[#items + 1] = one.member
		items[#items + 1] = one.score
	end
	return { at = 1, piece = 0, items = items }
end

local function walk_ready()
	local score, member
	local walks, open = {}, {}
	if after then
		score, member = string.match(after, '^([^,]*),(.*)$')
		score = tonumber(score)
	end
	-- A queue may have nothing but what is due.
	local due, names = until_time('due', 1000), queues
	if #names == 0 then
		names = redis.call('SMEMBERS', key('stocked'))
		for _, id in ipairs(due) do
			names[#names + 1] = jobs[id].queue
		end
	end
	for _, queue in ipairs(open_queues(names)) do
		open[queue] = true
		walks[#walks + 1] = walk(key('ready', queue), limit + 1, score,
			member)
		walks[#walks + 1] = walk(key('apart', queue), limit + 1, score,
			member)
	end
	walks[#walks + 1] = walk_due(due, open, score, member)
	local heap, last, looks = merge(walks), nil, 0
	while #found < limit and looks < LOOKS do
		member, score = next_ready(heap)
		if not member then
			return
		end
		local id = placed(member)
		load({ id })
		looks = looks + 1
		last = score .. ',' .. member
		if fits(jobs[id]) and (not jobs[id].expires
			or jobs[id].expires > now)
			and add(id, jobs[id], last) then
			return
		end
		cursor = last
	end
	full = true
end

if by == 'ready' then
	walk_ready()
elseif by == 'ids' then
	walk_ids(ids or {})
elseif by == 'running' then
	local running = redis.call('ZRANGE', LEASES, 0, -1)
	for _, id in ipairs(batched('+inf')) do
		running[#running + 1] = id
	end
	walk_ids(running)
elseif by == 'tail' then
	walk_tail()
elseif by == 'failed' then
	walk_seq(key('failed'))
elseif by == 'flow' then
	walk_seq(key('flow', flow))
else
	walk_seq(key('all'))
end

local function age(at)
	return math.max(0, math.floor((now - at) / 1000))
end

local function shown(id, job)
	local out = { standing(job), ',"pushed_at":"', time(job.pushed), '"' }
	local function put(...)
		for _, text in ipairs({ ... }) do
			out[#out + 1] = text
		end
	end
	if job.stage == 'running' then
		put(',"held":{"worker":', quote(job.worker), ',"age":',
			age(job.claimed), ',"renewed":',
			age(job.lapses - job.lease),
			',"silent":', age(job.heard))
		if job.cancel then
			put(',"cancel":', quote(job.cancel))
		end
		put('}')
	elseif job.ended then
		put(',"ended":{"at":"', time(job.ended), '"')
		if job.reason then
			put(',"reason":', quote(job.reason))
		end
		if job.error then
			put(',"error":', quote(job.error))
		end
		put('}')
	end
	if (job.rescues or 0) > 0 then
		put(',"rescues":', job.rescues)
	end
	if why then
		put(',"why":', quote(why_not(id, job)))
	end
	put('}')
	return table.concat(out)
end

local answer = {}
for i, line in ipairs(fields(LINE, found)) do
	answer[i] = line .. shown(found[i], jobs[found[i]])
end
if full and cursor then
	answer[#answer + 1] = '{"event":"page","after":"' .. cursor .. '"}'
end
return answer
