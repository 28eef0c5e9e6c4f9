#!/usr/bin/env bats
# The adapter redis-streams on a cluster of three masters: a has the stream of
# requests, b the results and dead letters, and c neither; the URL names c.
# bats file_tags=server

load support/redis

# start NAME [OPTION...] begins a node, or begins it again.
start() {
	local name=$1
	shift
	redis start "$CLUSTER_DIR/$name" --port "$(port "$name")" \
		--bind 127.0.0.1 --cluster-enabled yes \
		--cluster-node-timeout 60000 --cluster-port \
		"$(<"$CLUSTER_DIR/$name.bus")" \
		--cluster-require-full-coverage no "$@"
}

port() { # NAME
	echo "$(<"$CLUSTER_DIR/$1.port")"
}

node() { # NAME WORD...: redis-cli at a node
	local name=$1
	shift
	timeout 30 redis-cli -s "$CLUSTER_DIR/$name/s" "$@"
}

# signal NAME SIGNAL: to a node's server.
signal() {
	local pid
	read -r pid <"$CLUSTER_DIR/$1/pid"
	kill "-$2" "$pid"
}

# whole NAME: whether a node knows that all slots are had by reachable nodes.
whole() {
	node "$1" CLUSTER INFO >"$BATS_FILE_TMPDIR/info"
	grep -q 'cluster_slots_ok:16384' "$BATS_FILE_TMPDIR/info" &&
		grep -q 'cluster_state:ok' "$BATS_FILE_TMPDIR/info" &&
		grep -q 'cluster_known_nodes:3' "$BATS_FILE_TMPDIR/info"
}

setup_file() {
	local name
	export CLUSTER_DIR='' CLUSTER_MISSING=''
	! CLUSTER_MISSING=$(redis_missing) || return 0
	CLUSTER_MISSING=
	CLUSTER_DIR=$(mktemp -d "${JOBQ_TEST_SERVERS:-$BATS_RUN_TMPDIR}/c.XXX")
	for name in a b c; do
		free_port >"$CLUSTER_DIR/$name.port"
		free_port >"$CLUSTER_DIR/$name.bus"
		start "$name"
	done
	# jobs is in slot 9631, out in 16101 and gone in 11139.
	node a CLUSTER ADDSLOTSRANGE 5000 9999
	node b CLUSTER ADDSLOTSRANGE 10000 16383
	node c CLUSTER ADDSLOTSRANGE 0 4999
	for name in b c; do
		node a CLUSTER MEET 127.0.0.1 "$(port $name)" \
			"$(<"$CLUSTER_DIR/$name.bus")"
	done
	for name in a b c; do
		wait_until 60 whole $name
	done
}

teardown_file() {
	local name
	[ -n "$CLUSTER_DIR" ] || return 0
	for name in a b c; do
		redis kill "$CLUSTER_DIR/$name"
	done
	rm -rf "$CLUSTER_DIR"
}

setup() {
	common_setup
	unset REDISCLI_AUTH
	[ -z "$CLUSTER_MISSING" ] || skip "$CLUSTER_MISSING"
	url="redis://127.0.0.1:$(port c)?adapter=redis-streams&stream=jobs"
	export JOBQ_URL="$url&results=out&failures=1&dead=gone&field=p"
}

teardown() {
	local name
	common_teardown
	[ -n "$CLUSTER_DIR" ] || return 0
	signal a CONT
	signal b CONT
	start a
	for name in a b c; do
		wait_until 60 whole $name
		node $name FLUSHALL >/dev/null
	done
}

# kept prints how many endings are in the outbox.
kept() {
	node a HLEN 'jobq:{jobs}:jobq:outbox'
}

keeps() { # COUNT, for wait_until
	[ "$(kept)" = "$1" ]
}

pending() { # each pending entry as consumer and count
	node a XPENDING jobs jobq - + 100 | paste -d ' ' - - - - |
		awk 'NF { print $2, $4 }'
}

# result_ids prints those of the results that are written.
result_ids() {
	node b XRANGE out - + | grep -A 1 '^id$' | grep -v -e '^id$' -e --
}

# run_one makes ended: the events of one job that w1 has, and not settled yet.
run_one() {
	node a XADD jobs '*' p 1 >id
	jobq-claim -n 1 --worker w1 >line
	timeout 60 jobq-run -- true <line >ended
	same 'w1 1' "$(pending)"
}

# settle_begins: jobq-report is sent what has ended while b does not answer.
settle_begins() {
	signal b STOP
	settling() {
		timeout 100 jobq-report <ended >settled 2>said
	}
	spawn settling
	wait_until 20 keeps 1
}

# settle_ends: now that it may, all is well.
settle_ends() {
	wait_until 60 gone "$spawned_pid"
	json -s 'length > 0 and all(.settled == true)' <settled
	same '' "$(pending)"
	same 0 "$(kept)"
	same "$(<id)" "$(result_ids | sort -u)"
}

@test "cluster: results on another node are written, then acknowledged" {
	local i
	for i in {1..40}; do
		echo "XADD jobs * p $i"
	done | node a >/dev/null
	run_apart timeout 60 jobq-work -j 4 --until-empty -- \
		sh -c 'echo "$1"' - '{input}'
	same 0 "$status"
	same '' "$(pending)"
	same 0 "$(kept)"
	same 40 "$(node b XLEN out)"
	same 40 "$(result_ids | sort -u | wc -l)"
	jobq-list --stats --json | json '.completed == 40 and .running == 0'
}

@test "cluster: dead letters and what is no job go to another node as well" {
	export JOBQ_URL="$JOBQ_URL&max_attempts=1"
	node a XADD jobs '*' p 7
	node a XADD jobs '*' p '{'
	run_apart timeout 60 jobq-work --until-empty -- false
	same 1 "$status"
	has "$stderr" bad_entry
	same '' "$(pending)"
	same 2 "$(node b XLEN out)"
	same 2 "$(node b XLEN gone)"
	has "$(node b XRANGE gone - +)" bad_entry jobq_attempt
	same 2 "$(jobq-list --state failed | wc -l)"
}

@test "cluster: an ending that cannot be written stays until it can" {
	run_one
	settle_begins
	wait_until 30 grep -q 'trying again' said
	has "$(<said)" "127.0.0.1:$(port b)" 'did not answer'
	same 'w1 1' "$(pending)"
	same '' "$(<settled)"
	signal b CONT
	settle_ends
}

@test "cluster: a kill between result and acknowledgement loses nothing" {
	run_one
	settle_begins
	redis kill "$CLUSTER_DIR/a"
	signal b CONT
	wait_until 30 grep -q 'trying again' said
	same "$(<id)" "$(result_ids)"
	same '' "$(<settled)"
	start a
	settle_ends
}

@test "cluster: what nobody sends again is written by the next claim" {
	run_one
	settle_begins
	# shellcheck disable=SC2046 # pids
	kill -KILL $(tree "$spawned_pid")
	signal b CONT
	run_apart jobq-claim -n 1 --worker w2
	same 1 "$status"
	same 'w1 1' "$(pending)"
	# Its time has come.
	node a ZADD 'jobq:{jobs}:jobq:out' 1 "$(<id)"
	node a XADD jobs '*' p 2
	run_apart jobq-claim -n 1 --worker w2
	same 1 "$status"
	same '' "$(pending)"
	same "$(<id)" "$(result_ids | sort -u)"
	run_apart jobq-claim -n 1 --worker w2
	same 0 "$status"
	same 'w2 1' "$(pending)"
}

@test "cluster: what a peer takes in between is not acknowledged" {
	run_one
	settle_begins
	node a XCLAIM jobs jobq peer 0 "$(<id)"
	signal b CONT
	wait_until 60 gone "$spawned_pid"
	same 'peer 2' "$(pending)"
	same 0 "$(kept)"
	same 1 "$(node b XLEN out)"
	same 1 "$(node a ZCARD 'jobq:{jobs}:jobq:lease')"
}

@test "cluster: what is no job and a peer takes in between is not lost" {
	node a XADD jobs '*' p '{' >id
	jobq-claim -n 0 --worker w1 || true
	signal b STOP
	claiming() {
		timeout 100 jobq-claim -n 1 --worker w1 2>said
	}
	spawn claiming
	wait_until 20 keeps 1
	node a XCLAIM jobs jobq peer 0 "$(<id)"
	signal b CONT
	wait_until 60 keeps 0
	same 'peer 2' "$(pending)"
	same 1 "$(node a ZCARD 'jobq:{jobs}:jobq:lease')"
	wait_until 60 gone "$spawned_pid"
	lacks "$(<said)" user_script
}

@test "cluster: a node that does not answer is not asked for ever" {
	local slot a b name
	slot=$(node a CLUSTER KEYSLOT jobs)
	a=$(node a CLUSTER MYID) b=$(node b CLUSTER MYID)
	working() {
		timeout 100 jobq-work -- sh -c 'echo x >>ran' >/dev/null 2>said
	}
	spawn working
	node a XADD jobs '*' p 1
	wait_until 20 grep -q x ran
	wait_until 20 keeps 0
	signal a STOP
	for name in b c; do
		node $name CLUSTER SETSLOT "$slot" NODE "$b"
	done
	node b XADD jobs '*' p 2
	wait_until 80 grep -qz 'x.x' ran
	signal a CONT
	kill -TERM "$spawned_pid"
	wait_until 30 gone "$spawned_pid"
	node b FLUSHALL
	for name in a b c; do
		node $name CLUSTER SETSLOT "$slot" NODE "$a"
	done
}

@test "cluster: a slot that is being moved is found where it goes" {
	local slot b c
	slot=$(node b CLUSTER KEYSLOT out)
	b=$(node b CLUSTER MYID) c=$(node c CLUSTER MYID)
	node c CLUSTER SETSLOT "$slot" IMPORTING "$b"
	node b CLUSTER SETSLOT "$slot" MIGRATING "$c"
	run_one
	timeout 60 jobq-report <ended >settled
	same '' "$(pending)"
	same 1 "$(node c CLUSTER COUNTKEYSINSLOT "$slot")"
	same 0 "$(node b CLUSTER COUNTKEYSINSLOT "$slot")"
	node c CLUSTER SETSLOT "$slot" NODE "$c"
	node b CLUSTER SETSLOT "$slot" NODE "$c"
	run_one
	timeout 60 jobq-report <ended >settled
	same 2 "$(node c XLEN out)"
	node c DEL out
	node c CLUSTER SETSLOT "$slot" NODE "$b"
	node b CLUSTER SETSLOT "$slot" NODE "$b"
}

@test "cluster: a prefix whose {tag} leads elsewhere is refused" {
	run_apart jobq-push --store "$url&prefix={out}" --name x
	same 2 "$status"
	has "$stderr" 'key {out}:{jobs}:jobq:attempt is on another node' '{tag}'
}

@test "cluster: the doctor tells of what is on another node" {
	run_one
	jobq-doctor >doctor || true
	has "$(<doctor)" '0 endings are to be written' \
		'out is a stream, on another node of the cluster'
}
