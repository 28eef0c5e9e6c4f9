-- What is ready, in the order of claims, of several queues at once: each is
-- walked from its first job behind a cursor on, and the smallest is next. So
-- neither the length of a queue nor the number of them costs more than what
-- is taken of it.
local PIECE = 100

-- The rank of what comes behind (score, member), which may be gone by now.
-- Equal scores are in the order of their members.
local function rank_behind(name, score, member)
	local rank = redis.call('ZRANK', name, member)
	if rank then
		return rank + 1
	end
	local low = redis.call('ZCOUNT', name, '-inf', '(' .. score)
	local high = redis.call('ZCOUNT', name, '-inf', score)
	while low < high do
		local middle = math.floor((low + high) / 2)
		if redis.call('ZRANGE', name, middle, middle)[1] > member then
			high = middle
		else
			low = middle + 1
		end
	end
	return low
end

-- The next members of a sorted set, behind (score, member) if there is one.
local function behind(name, most, score, member)
	local rank = score and rank_behind(name, score, member) or 0
	return redis.call('ZRANGE', name, rank, rank + most - 1, 'WITHSCORES')
end

local function walk(name, most, score, member)
	return { name = name, at = 1, piece = math.min(most, PIECE),
		items = behind(name, math.min(most, PIECE), score, member) }
end

-- Whether the first is before the second; nil is behind all.
local function before(one, other)
	if not one or not other then
		return one ~= nil
	end
	local a, b = tonumber(one.items[one.at + 1]),
		tonumber(other.items[other.at + 1])
	return a < b or (a == b and one.items[one.at] < other.items[other.at])
end

-- A heap of walks, the first on top.
local function sift(heap, i)
	while true do
		local least = i
		for child = 2 * i, 2 * i + 1 do
			if heap[child] and before(heap[child], heap[least]) then
				least = child
			end
		end
		if least == i then
			return
		end
		heap[i], heap[least] = heap[least], heap[i]
		i = least
	end
end

local function merge(walks)
	local heap = {}
	for _, one in ipairs(walks) do
		if one.items[1] then
			heap[#heap + 1] = one
		end
	end
	for i = math.floor(#heap / 2), 1, -1 do
		sift(heap, i)
	end
	return heap
end

-- The member on top of the heap and its score, which is passed over; nil at
-- the end.
local function next_ready(heap)
	local top = heap[1]
	if not top then
		return nil
	end
	local member, score = top.items[top.at], top.items[top.at + 1]
	top.at = top.at + 2
	if not top.items[top.at] and #top.items == 2 * top.piece then
		top.piece = PIECE
		top.items = behind(top.name, PIECE, tonumber(score), member)
		top.at = 1
	end
	if not top.items[top.at] then
		heap[1] = heap[#heap]
		heap[#heap] = nil
	end
	sift(heap, 1)
	return member, tonumber(score)
end

-- The queues that a request is about and that are not paused, if any is. When
-- it names none they are those that may have something ready.
local function open_queues(names, none_paused)
	local out, paused = {}, {}
	if not names or #names == 0 then
		names = redis.call('SMEMBERS', key('stocked'))
	end
	for _, queue in ipairs(none_paused and {}
		or redis.call('HKEYS', key('paused'))) do
		paused[queue] = true
	end
	for _, queue in ipairs(names) do
		if not paused[queue] then
			paused[queue] = true
			out[#out + 1] = queue
		end
	end
	return out
end
