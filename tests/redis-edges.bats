#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# The store in Redis where much comes together: long answers, long lists, keys
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

# drop_lines: each line of standard input into the inbox, in one go.
drop_lines() {
	jq -Rr --arg key "$(key inbox)" '"XADD \($key) * job \(tojson)"' |
		cli >>dropped
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
	same "$(for name in count count:default meta queues \
		stocked; do key $name; done)" \
		"$(cli KEYS "$prefix:*" | sort)"
	same 0 "$(cli HVALS "$(key count:default)" | sort -u)"
}

# --- long answers --------------------------------------------------------------

# bats test_tags=smoke
@test "redis: sixty ids of jobs that are there, of a megabyte each, are pushed" {
	head -c 1000000 /dev/zero | tr '\0' x >long
	for i in {1..40}; do
		printf '{"id":"l%d","input":"%s"}\n' "$i" "$(<long)"
	done | jobq-push | wc -c >first
	jq -nc 'range(1; 41) | {id: "l\(.)"}' >again
	run_apart timeout 60 jobq-push --quiet <again
	same '0 ' "$status $stderr"
	same "$(<first)" "$(timeout 60 jobq-push <again | wc -c)"
	# One that is new, and then itself again.
	{
		printf '{"id":"n","key":"k","input":"%s"}\n' "$(<long)"
		jq -nc 'range(50) | {id: "n"}, {key: "k"}'
	} | timeout 60 jobq-push | jq -r .id >answered
	same '101 n' "$(wc -l <answered) $(sort -u answered)"
}

@test "redis: sixty entries of the inbox that name a job of a megabyte stop nobody" {
	head -c 1000000 /dev/zero | tr '\0' x >long
	printf '{"id":"l","input":"%s"}\n' "$(<long)" | jobq-push >pushed
	jq -nc 'range(60) | {id: "l"}' | drop_lines
	run_apart timeout 60 jobq-claim -n 1
	same '0 l ' "$status $(jq -r .id <<<"$stdout") $stderr"
	same 0 "$(cli XLEN "$(key inbox)")"
}

# --- the inbox -----------------------------------------------------------------

# bats test_tags=smoke
@test "redis: --until-empty and --until-done wait for what a long inbox has of a queue" {
	local end queue=q0
	jobq-admin init >said
	for end in --until-empty --until-done; do
		jq -nc --arg how "$end" --arg queue "$queue" 'range(1100) |
			{id: "\($how[8:])\(.)", queue:
			(if . < 1090 then "other" else $queue end)}' |
			drop_lines
		timeout 60 jobq-work --queue "$queue" "$end" -- true
		same 10 "$(jobq-list --state completed --queue "$queue" | wc -l)"
		queue=q1
	done
	same 2180 "$(jobq-list --state pending --limit 3000 | wc -l)"
}

# --- who may not all -----------------------------------------------------------

# bats test_tags=smoke
@test "redis: a user who may not publish is no worse off than that others poll" {
	local port
	port=$(free_port)
	own_server --port "$port"
	cli ACL SETUSER u on '>pw' resetchannels "~$prefix:*" "~$prefix" +@all \
		>said
	JOBQ_URL="redis://u:pw@127.0.0.1:$port?prefix=$prefix"
	echo '{"id":"a"}' >line
	run_apart jobq-push <line
	same '0 a ' "$status $(jq -r .id <<<"$stdout") $stderr"
	run_apart timeout 60 jobq-work --max-jobs 1 -- sh -c 'exit 75'
	same '0 ' "$status $stderr"
	jobq-cancel a >said
	jobq-retry a >said
	run_apart timeout 60 jobq-work --max-jobs 1 -- true
	same '0 ' "$status $stderr"
	state_is a completed
	cli XADD "$prefix:s" '*' name x >said
	JOBQ_URL+="&adapter=redis-streams&stream=$prefix:s&group=g"
	jobq-push --name y >pushed
	run_apart timeout 60 jobq-work --until-empty -- true
	same '0 ' "$status $stderr"
	same 2 "$(cli XINFO GROUPS "$prefix:s" | grep -A 1 entries-read |
		tail -n 1)"
}

# bats test_tags=smoke
@test "redis: a server that has no place for a client says so, and kills nobody" {
	local i
	own_server
	jobq-admin init >said
	background hold redis-cli -s "$own/s" SUBSCRIBE nothing
	wait_until 20 grep -q subscribe hold.out
	cli CONFIG SET maxclients 1 >said
	# Each is closed before, or after, it has asked.
	for i in {1..20}; do
		run_apart timeout 20 jobq-push --name x
		same "$i 75 " "$i $status $stdout"
		same 1 "${#stderr_lines[@]}"
		has "$stderr" 'max number of clients'
	done
}

# --- keys of others ------------------------------------------------------------

@test "redis: a key of ours that has another type is said before anything is written" {
	local name keys
	jobq-admin init >said
	jq -nc '{id: "a", key: "k", flow: "f"}, {id: "b", needs: ["a"]},
		{id: "c", run_at: "9999-12-31T23:59:59Z"},
		{id: "d", expires_at: "9999-12-31T23:59:59Z"}' >lines
	for name in job more line said event key paused claimed all due lease \
		expiry failed queues needed risky ended dead inbox \
		inbox-refused; do
		cli SET "$(key "$name")" mine >said
		keys=$(cli KEYS "$prefix:*" | sort)
		run_apart jobq-push <lines
		same "2 $name " "$status $name $stdout"
		same 1 "${#stderr_lines[@]}"
		has "$stderr" WRONGTYPE "$(key "$name")" string
		same "$keys" "$(cli KEYS "$prefix:*" | sort)"
		same mine "$(cli GET "$(key "$name")")"
		cli DEL "$(key "$name")" >said
	done
	jobq-push <lines >pushed
	same 4 "$(jobq-list | wc -l)"
}

@test "redis: a push that failed half way is in nobody's way, and made whole by the next" {
	local name
	for name in ready:q count:q total:f begin:f flow:f needs:a wants:b; do
		prefix=t$BATS_TEST_NUMBER-${name/:/-}
		JOBQ_URL="unix:$server/s?prefix=$prefix"
		echo '{"id":"x"}' | jobq-push >pushed
		cli SET "$(key "$name")" mine >said
		jq -nc '{id: "a", queue: "q", flow: "f", key: "k", expires_at:
			"9999-12-31T23:59:59Z"}, {id: "b", queue: "q",
			needs: ["a"]}, {id: "d", queue: "q", run_at:
			"2000-01-01T00:00:00Z", flow: "f"}' >lines
		run_apart jobq-push <lines
		same "2 $name " "$status $name $stdout"
		has "$stderr" WRONGTYPE
		cli DEL "$(key "$name")" >said
		jobq-list --stats >said
		jobq-list --stuck 1h >said
		jobq-push <lines >pushed
		same "$name a b d" "$name $(jq -r .id pushed | paste -sd ' ')"
		timeout 60 jobq-work -j 2 --until-empty -- true
		same "$name 4" \
			"$name $(jobq-list --state completed | wc -l)"
	done
}

# What no script leaves, but one that the server ended in its middle.
@test "redis: an index that names a job that is not there stops no verb" {
	local name
	echo '{"id":"a"}' | jobq-push >pushed
	for name in due lease expiry; do
		cli ZADD "$(key "$name")" 1 ghost >said
	done
	cli ZADD "$(key ready:default)" -5 0000000000000099ghost >said
	cli ZADD "$(key all)" 0.5 ghost >said
	run_apart jobq-list --stats
	same '0 ' "$status $stderr"
	run_apart jobq-poll
	same '0 a ' "$status $(jq -r .id <<<"$stdout") $stderr"
	run_apart jobq-admin reap --dry-run
	same '0 ' "$status $stderr"
	run_apart timeout 60 jobq-work --until-empty -- true
	same '0 ' "$status $stderr"
	state_is a completed
	for name in due lease expiry; do
		same 0 "$(cli EXISTS "$(key "$name")")"
	done
}

# bats test_tags=smoke
@test "redis: what is due is listed as ready where nothing else of its queue is" {
	jq -nc --arg at "$(date -u +%FT%TZ -d '+2 seconds')" \
		'{id: "j1", queue: "q", run_at: $at}' | jobq-push >pushed
	same 0 "$(ask list '{"by":"ready","limit":5}' | wc -l)"
	wait_until 20 eval '[ -n "$(ask list "{\"by\":\"ready\",\"limit\":5}")" ]'
	same j1 "$(ask list '{"by":"ready","limit":5}' | jq -r .id)"
	jobq-admin pause q 2>said
	same 0 "$(ask list '{"by":"ready","limit":5}' | wc -l)"
}

# --- jobs that were claimed together ---------------------------------------------

# together LEASE: pushes 40 jobs, which w claims in one call.
together() {
	jq -nc 'range(40) | {id: "j\(.)"}' | jobq-push >pushed
	ask claim '{"limit":40,"worker":"w","lease":'"$1"'}' >claimed
	same 40 "$(grep -c '"lease":' claimed)"
	same '1 0' "$(cli ZCARD "$(key batches)") $(cli EXISTS "$(key lease)")"
}

# say EVENT: of each of those jobs.
say() {
	jq -c --arg event "$1" 'select(.lease) | {event: $event, id, worker: "w",
		n: (if $event == "started" then 1 else 2 end),
		epoch: .lease.epoch}' claimed | jobq-report
}

# lapsed, for wait_until: another claim has had all of them.
lapsed() {
	ask claim '{"limit":100,"worker":"v","lease":30}' >>again
	same 40 "$(grep -c '"lease":' again)"
}

@test "redis: what is claimed together leaves nothing behind when it has ended" {
	together 30
	same 40 "$(jobq-list --state running | wc -l)"
	say started >said
	same 40 "$(grep -c '"settled":true' said)"
	same '1 0' "$(cli ZCARD "$(key batches)") $(cli EXISTS "$(key lease)")"
	say completed >said
	same 40 "$(grep -c '"settled":true' said)"
	say completed >said
	same 40 "$(grep -c '"settled":true' said)"
	same 0 "$(cli EXISTS "$(key batches)" "$(key lease)" "$(key batch:1)")"
	same 40 "$(jobq-list --state completed | wc -l)"
}

@test "redis: what is claimed together is lost together, and claimed once more" {
	together 1
	say started >said
	wait_until 20 eval '[ "$(jobq-admin reap --dry-run | wc -l)" -eq 40 ]'
	same 40 "$(jobq-list --state running | wc -l)"
	wait_until 20 lapsed
	same 40 "$(jq -r 'select(.lease) | .id' again | sort -u | wc -l)"
	say completed >said
	same 40 "$(grep -c '"settled":"stale"' said)"
	same 0 "$(cli EXISTS "$(key batch:1)")"
}

@test "redis: of what was claimed together each is kept as long as it was renewed" {
	together 30
	# As if it were the time of those that nobody renewed.
	cli ZADD "$(key batches)" XX 1 1 >said
	ask claim '{"limit":40,"worker":"v","lease":30}' >again
	same 0 "$(grep -c '"lease":' again)"
	same '0 40' "$(cli EXISTS "$(key batches)" "$(key batch:1)") $(
		cli ZCARD "$(key lease)")"
	same 40 "$(jobq-list --state running | wc -l)"
	say started >said
	say completed >said
	same 40 "$(grep -c '"settled":true' said)"
	same 0 "$(cli EXISTS "$(key lease)")"
}

@test "redis: a renewed lease lapses in time after the clock was put back" {
	together 30
	# As if they had been claimed an hour later than it is.
	cli EVAL "for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
			local job = { cmsgpack.unpack(redis.call('HGET',
				KEYS[1], id)) }
			job[14] = job[14] + 3600000
			redis.call('HSET', KEYS[1], id,
				cmsgpack.pack(unpack(job, 1, 25)))
		end
		redis.call('ZINCRBY', KEYS[2], 3600000, 1)" 2 \
		"$(key job)" "$(key batches)" >said
	say started >said
	same 40 "$(grep -c '"settled":true' said)"
	same '0 40' "$(cli EXISTS "$(key batches)" "$(key batch:1)") $(
		cli ZCARD "$(key lease)")"
	say completed >said
	same 40 "$(grep -c '"settled":true' said)"
	same 0 "$(cli EXISTS "$(key lease)")"
}

# renew COUNT: claims so many batches, of which it is as if it were the time,
# but each was renewed, and behind them one of 16 jobs that is lost.
renew() {
	local i
	jq -nc --argjson jobs $((($1 + 1) * 16)) 'range($jobs) |
		{id: "j\(.)"}' | jobq-push >pushed
	for ((i = 0; i < $1; i++)); do
		echo 'claim {"limit":16,"worker":"w","lease":30}'
	done >requests
	echo 'claim {"limit":16,"worker":"v","lease":1}' >>requests
	timeout 60 storecall "$JOBQ_URL" <requests >claimed
	same $((($1 + 1) * 16)) "$(grep -c '"lease":' claimed)"
	for ((i = 1; i <= $1; i++)); do
		echo "ZADD $(key batches) XX 1 $i"
	done | cli >said
	wait_until 20 eval '[ "$(jobq-admin reap --dry-run | wc -l)" -eq 16 ]'
}

@test "redis: one lost batch is found behind many that were renewed" {
	renew 44
	same 16 "$(jobq-admin reap | wc -l)"
	same "0 704" "$(cli EXISTS "$(key batches)") $(
		cli ZCARD "$(key lease)")"
}

@test "redis: a claim finds what is lost behind batches that were renewed" {
	renew 5
	ask claim '{"limit":16,"worker":"u","lease":30}' >again
	same 16 "$(grep -c '"lease":' again)"
}

# --- numbers -------------------------------------------------------------------

@test "redis: an epoch that no job has is said as it is counted, a whole number" {
	local request
	echo '{"id":"a"}' | jobq-push >pushed
	jobq-claim -n 1 --worker w >claimed
	request='{"events":[{"event":"alive","worker":"w","n":1,'
	request+='"jobs":[["a",1],["a",4503599627370497]],'
	request+='"line":"{\"event\":\"alive\""}]}'
	ask settle "$request" >said
	same '[["a",4503599627370497]]' "$(jq -c .lost said)"
	has "$(<said)" 4503599627370497
	ask claim '{"limit":0,"worker":"w","held":[["a",4503599627370497]]}' \
		>said
	has "$(<said)" '"epoch":4503599627370497,'
}
