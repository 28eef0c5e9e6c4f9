#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# The store in Redis where much comes together: long lists, long answers, keys
# that are others', users who may not do all.
# bats file_tags=server

load support/redis

# ask VERB REQUEST: what the store itself answers.
ask() {
	timeout 60 storecall "$JOBQ_URL" <<<"$1 $2"
}

# end COUNT: pushes and claims so many jobs, of which every other one fails.
end() {
	local i
	for ((i = 0; i < $1; i += 500)); do
		jq -nc --argjson from "$i" 'range($from; $from + 500) |
			{id: "j\(.)", max_attempts: 1}' | jobq-push >pushed
		jobq-claim -n 500 --worker w >claimed
		jq -c '{event: (if (.id[1:] | tonumber) % 2 == 0 then "failed"
			else "completed" end), id, n: 1, reason: "exit",
			epoch: .lease.epoch, worker: "w"}' claimed |
			jobq-report >settled || same 1 $?
	done
}

# --- what goes -----------------------------------------------------------------

# bats test_tags=smoke
@test "redis: a page of what is pruned has no more than was asked for" {
	end 2000
	same 500 "$(ask prune '{"limit":500,"older_ms":0}' | wc -l)"
	same 1500 "$(jobq-list --limit 3000 | wc -l)"
	same 7 "$(ask prune '{"limit":7,"older_ms":0}' | wc -l)"
	same 1493 "$(jobq-list --limit 3000 | wc -l)"
}

@test "redis: a settle deletes a few of what is finished, however many may go" {
	local name
	end 1000
	# As if it had been long ago.
	for name in ended dead; do
		cli EVAL "local list = redis.call('LRANGE', KEYS[1], 0, -1)
			for i = 1, #list, 2 do
				redis.call('LSET', KEYS[1], i - 1, 1)
				local job = { cmsgpack.unpack(redis.call('HGET',
					KEYS[2], list[i + 1])) }
				job[18] = 1
				redis.call('HSET', KEYS[2], list[i + 1],
					cmsgpack.pack(unpack(job, 1, 24)))
			end" 2 "$(key "$name")" "$(key job)" >said
	done
	ask settle '{"events":[]}'
	same 990 "$(jobq-list --limit 3000 | wc -l)"
	ask claim '{"limit":1,"worker":"w","lease":30}' >said
	same 980 "$(jobq-list --limit 3000 | wc -l)"
}

@test "redis: of jobs that were pruned nothing is left but their queues" {
	jq -nc '{id: "a", needs: ["b", "never"], key: "k", flow: "f"},
		{id: "c", needs: ["a"], flow: "f"},
		{id: "d", run_at: "9999-12-31T23:59:59Z"},
		{id: "e", expires_at: "9999-12-31T23:59:59Z", flow: "g"}' |
		jobq-push >pushed
	jq -r .id pushed | jobq-cancel >cancelled
	same 4 "$(ask prune '{"limit":500,"older_ms":0}' | wc -l)"
	same "$(for name in count:default meta queues; do key $name; done)" \
		"$(cli KEYS "$prefix:*" | sort)"
	same 0 "$(cli HVALS "$(key count:default)" | sort -u)"
}
