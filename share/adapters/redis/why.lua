-- Why a job is not running, for people. Times are UTC: the server knows no
-- other.
local function told(ms)
	ms = math.max(0, ms)
	if ms < 120000 then
		return math.floor(ms / 1000) .. ' s'
	elseif ms < 7200000 then
		return math.floor(ms / 60000) .. ' min'
	elseif ms < 172800000 then
		return math.floor(ms / 3600000) .. ' h'
	end
	return math.floor(ms / 86400000) .. ' d'
end

local function day_and_time(ms)
	local text = time(tonumber(ms))
	return string.sub(text, 1, 10) .. ' ' .. string.sub(text, 12, 19)
		.. ' UTC'
end

local NEEDED = { blocked = ', which is blocked itself',
	scheduled = ', which has not run yet',
	ready = ', which has not run yet',
	running = ', which is running',
	cancelled = ', which was cancelled',
	failed = ', which failed' }

-- What can never come first: failed or cancelled, then what is not there.
local function why_blocked(id)
	local best, rank = 'nothing that is left', 0
	local needs = redis.call('SMEMBERS', key('wants', id))
	load(needs)
	for _, need in ipairs(needs) do
		local job = jobs[need]
		local its = not job and 2 or FAILS[job.stage] and 3 or 1
		if its > rank then
			rank = its
			best = need .. (job and NEEDED[job.stage]
				or ', which is not in the store')
		end
	end
	return 'needs ' .. best
end

local function why_waiting(job, ready)
	local queue = job.queue
	local paused = redis.call('HGET', key('paused'), queue)
	local asked = redis.call('HMGET', key('claimed'), queue, '')
	local claimed = math.max(tonumber(asked[1] or 0),
		tonumber(asked[2] or 0))
	local because = job.reason and ' (' .. job.reason .. ')' or ''
	if paused then
		return 'queue ' .. queue .. ' paused since '
			.. day_and_time(paused)
	elseif not ready and job.ended and job.settled == 'failed' then
		return 'attempt ' .. job.attempt .. ' of ' .. job.most
			.. ' failed' .. because .. ', tried again in '
			.. told(job.run - now + 999)
	elseif not ready then
		return 'not before ' .. day_and_time(job.run) .. ', in '
			.. told(job.run - now + 999)
	end
	local since = 'ready for ' .. told(now - math.max(job.run, job.pushed))
		.. ': '
	if claimed == 0 then
		return since .. 'no worker has claimed from ' .. queue .. ' yet'
	elseif claimed < now - 10000 then
		return since .. 'no worker has claimed from ' .. queue
			.. ' since ' .. day_and_time(claimed)
	end
	return since .. 'the workers of ' .. queue .. ' are busy'
end

local function why_not(id, job)
	local stage = job.stage
	local because = job.reason and ' (' .. job.reason .. ')' or ''
	if stage == 'blocked' then
		return why_blocked(id)
	elseif stage == 'scheduled' or stage == 'ready' then
		return why_waiting(job, stage == 'ready' or job.run <= now)
	elseif stage == 'running' then
		return 'on ' .. job.worker .. ', lease renewed '
			.. told(now - job.lapses + job.lease)
			.. ' ago, silent for '
			.. told(now - job.heard)
			.. (job.cancel and ', asked to stop' or '')
			.. (job.lapses < now and ', lease run out' or '')
	elseif stage == 'completed' then
		return 'completed'
	elseif stage == 'cancelled' then
		return 'cancelled' .. because
	end
	return 'failed in attempt ' .. job.attempt .. ' of ' .. job.most
		.. because .. (job.error and ': ' .. job.error or '')
end
