#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# Redis as it is met from outside: servers that are not there, or stop; who
# rings and who listens.
# bats file_tags=server

load support/redis

# --- a server that is away ---------------------------------------------------

# The server is reached by a link to its socket, which comes and goes.
away() {
	JOBQ_URL="unix:$PWD/h?prefix=$prefix"
}

comes() {
	ln -s "$server/s" h
}

# bats test_tags=smoke
@test "redis: one-shots exit 75 at once without a server, and name it" {
	local command url port
	port=$(free_port)
	export REDISCLI_AUTH=s3cr3t
	for url in "unix:$PWD/h" "redis://u:s3cr3t@127.0.0.1:$port"; do
		JOBQ_URL=$url
		while read -r command; do
			# shellcheck disable=SC2086 # a command and its options
			run_apart timeout 15 $command </dev/null
			same "75 $command " "$status $command $stdout"
			same 1 "${#stderr_lines[@]}"
			has "$stderr" "${url/u:s3cr3t@/}" 'unable to connect'
			lacks "$stderr" s3cr3t
		done <<-'EOT'
			jobq-push --name x
			jobq-list
			jobq-list --stats
			jobq-poll
			jobq-claim -n 1
			jobq-cancel 0123456789
			jobq-retry 0123456789
			jobq-admin reap
			jobq-admin init
			jobq-watch --no-follow
		EOT
	done
}

@test "redis: a host without a name, or an address, is away, not a bad URL" {
	run_apart timeout 30 jobq-list -S redis://no-such-host.invalid
	same '75 ' "$status $stdout"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" no-such-host.invalid
}

@test "redis: what runs for long waits for a server, and says so once" {
	local name
	jq -nc '{id: "c", queue: "c"}, {id: "w", queue: "w"},
		{id: "p", queue: "p"}' | jobq-push >pushed
	echo '{"event":"started","id":"none","epoch":1,"worker":"x","n":1,'\
'"at":"2026-11-26T10:00:00.000Z"}' >report.in
	mkfifo claim.in
	away
	background claim jobq-claim --ring 1 --queue c
	exec 8>claim.in
	background work jobq-work -j 1 --queue w --until-empty -- true
	background watch jobq-watch --since 0
	background poll jobq-poll --follow --queue p
	background report jobq-report
	for name in claim work watch poll report; do
		wait_until 20 grep -q "$PWD/h" "$name.err"
	done
	# A second attempt, a second or two later, fails in silence.
	later 2.5
	for name in claim work watch poll report; do
		not test -e "$name.status"
		same "$name 1" "$name $(grep -c "$PWD/h" "$name.err")"
	done
	comes
	wait_until 35 grep -q '"id":"c".*"lease"' claim.out
	exits 0 work
	wait_until 35 grep -q '"completed","id":"w"' watch.out
	wait_until 35 grep -q '"id":"p"' poll.out
	exits 0 report
	same unknown "$(jq -r .settled report.out)"
	exec 8>&-
}

@test "redis: a server that is stopped and goes on costs its deadline, no job" {
	local pid
	own_server
	echo '{"id":"a"}' | jobq-push >pushed
	mkfifo claim.in
	background claim jobq-claim --ring 1 --lease 3 --interval 0.1
	exec 8>claim.in
	wait_until 20 grep -q '"id":"a"' claim.out
	read -r pid <"$own/pid"
	kill -STOP "$pid"
	wait_until 20 grep -q 'did not answer within' claim.err
	same 1 "$(wc -l <claim.err)"
	has "$(<claim.err)" "$own/s"
	kill -CONT "$pid"
	events "$completed" <claim.out >&8
	wait_until 20 state_is a completed
	exec 8>&-
	exits 0 claim
}

@test "redis: a server that is started anew in the midst finds the ring again" {
	own_server
	echo '{"id":"a"}' | jobq-push >pushed
	mkfifo claim.in
	background claim jobq-claim --ring 1 --interval 0.1 --lease 60
	exec 8>claim.in
	wait_until 20 grep -q '"id":"a"' claim.out
	redis kill "$own"
	redis start "$own"
	events "$completed" <claim.out >&8
	echo '{"id":"b"}' | jobq-push >pushed
	wait_until 30 grep -q '"id":"b"' claim.out
	state_is a completed
	exec 8>&-
	exits 75 claim
}

# --- the listener ------------------------------------------------------------

# hears COUNT [QUEUE], for wait_until: so many listen.
hears() {
	[ "$(cli PUBSUB NUMSUB "$prefix:ring${2+:}${2-}" | tail -n 1)" = "$1" ]
}

# Only a bell wakes within the time that a test waits.
# bats test_tags=smoke
@test "redis: a push is claimed without polling" {
	jobq-admin init >said
	background work jobq-work -j 1 --interval 55 -- true
	wait_until 20 hears 1
	echo '{"id":"a"}' | jobq-push >pushed
	wait_until 20 state_is a completed
	echo '{"id":"b","queue":"new"}' | jobq-push >pushed
	wait_until 20 state_is b completed
	# Whatever else makes a job ready rings, too.
	jobq-admin pause q >said
	echo '{"id":"c","queue":"q"}' | jobq-push >pushed
	jobq-admin resume q >said
	wait_until 20 state_is c completed
	jq -nc '{id: "d", queue: "q", run_at: (now + 86400 | todate)}' |
		jobq-push >pushed
	jobq-cancel d >said
	jobq-retry d >said
	wait_until 20 state_is d completed
	not test -e work.status
}

@test "redis: who puts a job into the inbox may ring by himself" {
	jobq-admin init >said
	background work jobq-work -j 1 --interval 55 -- true
	wait_until 20 hears 1
	cli XADD "$(key inbox)" '*' job '{"id":"a"}' >said
	cli PUBLISH "$(key ring)" x >>said
	# Nobody else looks into it.
	taken() { [ "$(cli XLEN "$(key inbox)")" = 0 ]; }
	wait_until 20 taken
	wait_until 20 state_is a completed
}

@test "redis: who asks for some queues hears those, and all the same of 65" {
	local many=() i
	jobq-admin init >said
	background two jobq-work -j 1 --interval 55 --queue x --queue y:z -- true
	wait_until 20 hears 1 x
	wait_until 20 hears 1 y:z
	hears 0
	jq -nc '{id: "a", queue: "y:z"}, {id: "b"}' | jobq-push >pushed
	wait_until 20 state_is a completed
	state_is b pending
	for i in {1..65}; do
		many+=(--queue "q$i")
	done
	background all jobq-work -j 1 --interval 55 "${many[@]}" -- true
	wait_until 20 hears 1
	hears 0 q1
	echo '{"id":"c","queue":"q65"}' | jobq-push >pushed
	wait_until 20 state_is c completed
}

@test "redis: P23 a listener that dies costs latency, and another comes" {
	jobq-admin init >said
	own_server
	background work jobq-work -j 1 --interval 0.5 -- true
	wait_until 20 hears 1
	cli CLIENT KILL TYPE pubsub >said
	echo '{"id":"a"}' | jobq-push >pushed
	wait_until 20 state_is a completed
	wait_until 40 hears 1
	# The command itself is never ended, nor is anything said.
	not test -e work.status
	lacks "$(<work.err)" unable
}

@test "redis: P23 who may not listen finds all 300 jobs by polling" {
	local port
	port=$(free_port)
	own_server --port "$port"
	cli ACL SETUSER u on '>pw' '~*' resetchannels +@all -@pubsub +publish \
		'&never' >said
	JOBQ_URL="redis://127.0.0.1:$port?prefix=$prefix"
	jobq-admin init >said
	JOBQ_URL="redis://u:pw@127.0.0.1:$port?prefix=$prefix" \
		background work jobq-work -j 8 --interval 0.3 -- true
	jq -nc 'range(300)| {id: "j\(.)"}' | jobq-push >pushed
	all_done() {
		[ "$(jobq-list --state completed --limit 400 | wc -l)" = 300 ]
	}
	wait_until 30 all_done || { cat work.err; false; }
	not test -e work.status
}

@test "redis: with listen=0 nobody listens" {
	jobq-admin init >said
	JOBQ_URL+='&listen=0'
	background work jobq-work -j 1 --interval 0.2 -- true
	echo '{"id":"a"}' | jobq-push >pushed
	wait_until 20 state_is a completed
	hears 0
}
