-- Why a job is not running, for people. Times are UTC: the server knows no
-- other.
local function told(ms)
	ms = max(0, ms)
	if ms < 120000 then
		return floor(ms / 1000) .. ' s'
	elseif ms < 7200000 then
		return floor(ms / 60000) .. ' min'
	elseif ms < 172800000 then
		return floor(ms / 3600000) .. ' h'
	end
	return floor(ms / 86400000) .. ' d'
end

local function day_and_time(ms)
	local text = time(tonumber(ms))
	return string.sub(text, 1, 10) .. ' ' .. string.sub(text, 12, 19)
		.. ' UTC'
end

local NEEDED = { [BLOCKED] = ', which is blocked itself',
	[SCHEDULED] = ', which has not run yet',
	[READY] = ', which has not run yet',
	[RUNNING] = ', which is running',
	[CANCELLED] = ', which was cancelled',
	[FAILED] = ', which failed' }

-- What can never come first: failed or cancelled, then what is not there.
local function why_blocked(id)
	local best, rank = 'nothing that is left', 0
	local needs = call('SMEMBERS', key('wants', id))
	load(needs)
	for _, need in ipairs(needs) do
		local job = jobs[need]
		local its = not job and 2 or job[STAGE] > COMPLETED and 3 or 1
		if its > rank then
			rank = its
			best = need .. (job and NEEDED[job[STAGE]]
				or ', which is not in the store')
		end
	end
	return 'needs ' .. best
end

local function why_waiting(job, ready)
	local queue = job[QUEUE]
	local paused = call('HGET', key('paused'), queue)
	local claimed = tonumber(call('HGET', key('claimed'), queue) or nil)
	local because = job[REASON] and ' (' .. job[REASON] .. ')' or ''
	if paused then
		return 'queue ' .. queue .. ' paused since '
			.. day_and_time(paused)
	elseif not ready and job[ENDED] and job[SETTLED] == 'failed' then
		return 'attempt ' .. job[ATTEMPT] .. ' of ' .. job[MOST]
			.. ' failed' .. because .. ', tried again in '
			.. told(job[RUN] - now + 999)
	elseif not ready then
		return 'not before ' .. day_and_time(job[RUN]) .. ', in '
			.. told(job[RUN] - now + 999)
	end
	local since = 'ready for ' .. told(now - max(job[RUN], job[PUSHED]))
		.. ': '
	if not claimed then
		return since .. 'no worker has claimed from ' .. queue .. ' yet'
	elseif claimed < now - 10000 then
		return since .. 'no worker has claimed from ' .. queue
			.. ' since ' .. day_and_time(claimed)
	end
	return since .. 'the workers of ' .. queue .. ' are busy'
end

local function why_not(id, job)
	local stage = job[STAGE]
	local because = job[REASON] and ' (' .. job[REASON] .. ')' or ''
	if stage == BLOCKED then
		return why_blocked(id)
	elseif stage == SCHEDULED or stage == READY then
		return why_waiting(job, stage == READY or job[RUN] <= now)
	elseif stage == RUNNING then
		return 'on ' .. job[WORKER] .. ', lease renewed '
			.. told(now - job[UNTIL] + job[LEASE]) .. ' ago, silent for '
			.. told(now - job[HEARD])
			.. (job[CANCEL] and ', asked to stop' or '')
			.. (job[UNTIL] < now and ', lease run out' or '')
	elseif stage == COMPLETED then
		return 'completed'
	elseif stage == CANCELLED then
		return 'cancelled' .. because
	end
	return 'failed in attempt ' .. job[ATTEMPT] .. ' of ' .. job[MOST]
		.. because .. (job[ERROR] and ': ' .. job[ERROR] or '')
end
