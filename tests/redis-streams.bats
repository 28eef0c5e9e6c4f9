#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# The adapter redis-streams over a stream and a group that are somebody else's:
# what is its own, beside what every store keeps (store-redis-streams.bats).
# bats file_tags=server

load "${BATS_TEST_DIRNAME%/support}/support/store"

store_kind() { echo redis-streams; }

setup() {
	store_setup
	[ -n "${store_server-}" ] || return 0
	s=t$BATS_TEST_NUMBER # stream and prefix
	base=$JOBQ_URL
}

cli() { # WORD...
	redis-cli -s "$store_server" "$@"
}

# own NAME: our own key of that name.
own() {
	echo "$s:{$s}:jobq:$1"
}

add() { # PAYLOAD...: an entry each, of the field p; prints their ids
	local payload
	for payload; do
		cli XADD "$s" '*' p "$payload"
	done
}

many() { # COUNT: entries whose field p is 1, 2, 3...
	seq "$1" | sed "s/^/XADD $s * p /" | cli >/dev/null
}

pending() { # each pending entry as consumer and count
	cli XPENDING "$s" jobq - + 1000 | paste -d ' ' - - - - |
		awk 'NF { print $2, $4 }'
}

# idle MS: whether something of w1 has been pending for so long.
idle() {
	cli XPENDING "$s" jobq IDLE "$1" - + 1 w1 | grep -q w1
}

# takes MEMBERS: whether a claim with these gets a job.
takes() {
	store "claim($1)"
	[[ $answers == *'"lease":'* ]]
}

# Settles events of w1's first run of the one entry.
settle() { # EVENTS [EPOCH]: as of the suite, less id and epoch
	store "settle($1 | map({id: \"$id\", epoch: ${2:-1}} + .))"
}

# --- what an entry is --------------------------------------------------------

# bats test_tags=smoke
@test "streams: the job is the entry: its id, and its fields as input" {
	local id
	id=$(cli XADD "$s" '*' a 'x"y' b 9007199254740993 '' 'é')
	store 'call("init"; {}), claim({})'
	same "{\"id\":\"$id\",\"queue\":\"default\",\"name\":\"default\",$(:
		)\"input\":{\"a\":\"x\\\"y\",\"b\":\"9007199254740993\",$(:
		)\"\":\"é\"},\"max_attempts\":5" "${answers%%,\"attempt\":*}"
	answered '.[0].lease == {epoch: 1, worker: "w1", seconds: 30}'
	same 'w1 1' "$(pending)"
}

@test "streams: parameters say which field is the input, and which the name" {
	local text='{"n":9007199254740993, "f":1.10,"e":[1e400,"\u0000\ud800"]}'
	export JOBQ_URL="$base&field=p&name_field=kind&max_attempts=2"
	cli XADD "$s" '*' kind mail p "$text"
	cli XADD "$s" '*' p ' 7 '
	store 'call("init"; {}), claim({limit: 2})'
	has "$answers" '"name":"mail","input":'"$text,\"max_attempts\":2," \
		'"name":"default","input": 7 ,"max'
	add 'no "JSON"'
	export JOBQ_URL="$base&field=p&as=text&name=x"
	store 'claim({})'
	has "$answers" '"name":"x","input":"no \"JSON\"",'
}

@test "streams: what is no JSON is said, acknowledged and not handed out" {
	local bad good text
	export JOBQ_URL="$base&field=p&dead=$s-dead"
	bad=('' ' ' '{' '}' '[1,]' '{"a":1,}' "{'a':1}" '{"a" 1}' '{a:1}' 01
		1. .5 +1 -01 1e 0x1 nul NaN '"a' '"\x"' '"\u12"' $'"\t"'
		'1 2' '[1 2]' '"a"b' $'"\xff"' $'"\xc0\xaf"' $'"\xed\xa0\x80"'
		$'"\xf5\x80\x80\x80"' $'"\xe2\x82"' '{"a":}' ',' '{,}'
		"$(printf '[%.0s' {1..61})$(printf ']%.0s' {1..61})")
	good=('{}' '[]' '{"a":{"a":[{}]},"a":-0.5e+10}' '"\ud800\/\u0000"' 0
		-0 1E400 true ' null ' $'[ 1 ,\t2\n]' '"é€😀"' $'"\x7f"'
		"$(printf '[%.0s' {1..60})$(printf ']%.0s' {1..60})")
	for text in "${bad[@]}" "${good[@]}"; do
		printf '%s' "$text" | cli -x XADD "$s" '*' p >/dev/null
	done
	run_apart jobq-claim -n 100
	same "0 ${#good[@]}" "$status ${#lines[@]}"
	same "${#bad[@]}" "$(grep -c 'bad_entry: entry [0-9-]* of .* is no job' \
		<<<"$stderr")"
	same "${#good[@]}" "$(pending | wc -l)"
	same "${#bad[@]}" "$(cli XLEN "$s-dead")"
	has "$(cli XRANGE "$s-dead" - + COUNT 1)" jobq_id bad_entry 'is not JSON'
	same "${#bad[@]}" "$(jobq-list --state failed | wc -l)"
	# An entry without the field is no better.
	cli XADD "$s" '*' q 1
	run_apart jobq-claim -n 1
	same 1 "$status"
	has "$stderr" 'it has no field p'
}

@test "streams: what is too long for a line is refused" {
	export JOBQ_URL="$base&field=p"
	head -c 2100000 /dev/zero | tr '\0' 1 | cli -x XADD "$s" '*' p
	head -c 2000000 /dev/zero | tr '\0' 1 | cli -x XADD "$s" '*' p
	run_apart jobq-claim -n 2
	same "0 1" "$status ${#lines[@]}"
	has "$stderr" 'its field p is too long'
}

@test "streams: an adapter of one's own is a text or two" {
	mkdir mine
	cat >mine/adapter.json <<-'END'
		{"driver":"redis","base":"redis-streams","fencing":"epoch",
		"parameters":{"stream":"mine","group":"g","results":"out"},
		"verbs":["init","list","claim","settle"],"reads":["list"],
		"hints":[],"cannot":["push: entries come by XADD"]}
	END
	cat >mine/job.lua <<-'END'
		local function read_job(entry, fields)
			if fields[1] ~= 'to' then
				return nil, 'it is to nobody'
			end
			return { id = entry, name = 'mail', most = 1,
				note = fields[2], line = '{"id":"' .. entry
				.. '","name":"mail","input":' .. quote(fields[2]) }
		end
	END
	cat >mine/result.lua <<-'END'
		local function result_of(kind, ended, job)
			return job.note and { 'to', job.note, 'how', kind }
		end
	END
	cli XADD mine '*' to ann
	cli XADD mine '*' from bob
	export JOBQ_URL="unix:$store_server?adapter=./mine"
	run_apart timeout 60 jobq-work --until-empty -- sh -c 'cat >>got'
	same 1 "$status"
	has "$stderr" 'it is to nobody'
	same '"ann"' "$(<got)"
	same "$(printf '%s\n' to ann how completed)" \
		"$(cli XRANGE out - + | sed 1d)"
	same 2 "$(jobq-list | wc -l)"
}

# --- the group ---------------------------------------------------------------

# bats test_tags=smoke
@test "streams: what was sent before the first worker came is not skipped" {
	local i pids=()
	many 3
	run_apart jobq-list
	same 2 "$status"
	has "$stderr" 'has no group jobq' 'jobq-admin init'
	for i in 1 2 3; do
		jobq-admin init 3>&- 4>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	same 3 "$(jobq-poll | wc -l)"
	same '1 2 3' "$(jobq-claim -n 9 | jq -r .input.p | paste -sd ' ')"
}

@test "streams: a group that was taken away is made again by a claim" {
	many 2
	store 'call("init"; {}), claim({})'
	cli XGROUP DESTROY "$s" jobq
	run_apart jobq-list --stats
	same 2 "$status"
	store 'claim({})'
	answered '.[0].input.p == "1"'
}

@test "streams: a key that is no stream, and wrong parameters, are refused" {
	local parameter
	cli SET "$s" x
	run_apart jobq-claim -n 1
	same 2 "$status"
	has "$stderr" "the key $s is no stream but a string"
	cli DEL "$s"
	for parameter in as=xml max_attempts=0 idle=x results="$s" group=; do
		JOBQ_URL="$base&$parameter" run_apart jobq-claim -n 1
		same 2 "$status"
	done
	JOBQ_URL=$base run_apart jobq-claim -n 1 --worker jobq-parked
	same 2 "$status"
	has "$stderr" 'give another --worker'
}

@test "streams: no more is taken than there are places" {
	many 9
	store 'call("init"; {}), claim({limit: 2}), claim({limit: 0}),
		claim({limit: 3})'
	same 5 "$(pending | wc -l)"
	same 4 "$(cli XINFO GROUPS "$s" | tail -n 1)"
	store 'claim({limit: 100000})'
	same 9 "$(pending | wc -l)"
}

# --- who has it --------------------------------------------------------------

# bats test_tags=smoke
@test "streams: a stale worker cannot settle, renew or release" {
	local id before
	many 1
	store 'call("init"; {}), claim({})'
	id=$(jq -r .id <<<"$answers")
	# A peer takes it: the count grows.
	cli XCLAIM "$s" jobq peer 0 "$id"
	before=$(pending)
	same 'peer 2' "$before"
	settle '[{event: "completed", n: 1}, {event: "released", n: 2},
		{event: "failed", n: 3}, {event: "snoozed", n: 4},
		{event: "output", n: 5}]'
	answered 'map(.settled) == ["stale", "stale", "stale", "stale", "stale"]'
	store "settle([{event: \"alive\", jobs: [[\"$id\", 1]]}])"
	answered '.[0].lost | length == 1'
	same "$before" "$(pending)"
	# So does the same consumer, later.
	cli XCLAIM "$s" jobq w1 0 "$id"
	settle '[{event: "completed", n: 1}]'
	answered '.[0].settled == "stale"'
	settle '[{event: "completed", n: 1}]' 2
	answered '.[0].settled == "stale"'
	same 'w1 3' "$(pending)"
	store "claim({held: [[\"$id\", 1], [\"$id\", 3]]})"
	answered '.[0] | .event == "stop" and .epoch == 1 and .reason == "lost"'
	answered '.[1].event == "idle"'
}

@test "streams: what is renewed is not idle for its peers" {
	local id
	many 1
	store 'call("init"; {}), claim({lease: 20})'
	id=$(jq -r .id <<<"$answers")
	wait_until 10 idle 2200
	store "settle([{event: \"alive\", jobs: [[\"$id\", 1]]}])"
	answered '.[0].lost == []'
	(($(cli XPENDING "$s" jobq - + 1 | sed -n 3p) < 2200))
	same 'w1 1' "$(pending)"
}

@test "streams: an acknowledgement by a peer is the end of our lease" {
	local id
	many 1
	store 'call("init"; {}), claim({lease: 0.1})'
	id=$(jq -r .id <<<"$answers")
	cli XACK "$s" jobq "$id"
	settle '[{event: "completed", n: 1}]'
	answered '.[0].settled == "stale"'
	forgotten() {
		store 'claim({})'
		[ "$(cli EXISTS "$(own attempt)" "$(own lease)")" = 0 ]
	}
	wait_until 10 forgotten
	answered '.[0] == {event: "idle", unfinished: 0}'
}

@test "streams: a worker that begins again has what it left, but not what it holds" {
	local a
	many 3
	store 'call("init"; {}), claim({limit: 3, lease: 3000})'
	a=$(jq -r .id <<<"$answers" | sed -n 1p)
	# Later it is not looked at, whoever may have it.
	store 'claim({limit: 3, ring: true})'
	answered '.[0].event == "idle"'
	store "claim({limit: 1, ring: true, first: true, held: [[\"$a\", 1]]})"
	answered 'length == 1 and .[0].lease.epoch == 2 and .[0].input.p == "2"
		and .[0].attempt == 1'
	# What it had no place for others may have at once.
	store 'claim({worker: "w2", limit: 3})'
	answered '.[0].lease.epoch == 2 and .[0].input.p == "3"
		and .[1].event == "idle"'
	same $'w1 1\nw1 2\nw2 2' "$(pending)"
}

@test "streams: a ring that is killed and begins again goes on at once" {
	many 4
	jobq-admin init
	mkfifo never
	spawn timeout 60 jobq-work --worker here -j 2 --ahead 0 -- sh -c \
		"echo >>$BATS_TEST_TMPDIR/begun; read -r _ <$BATS_TEST_TMPDIR/never"
	begun() { [ "$(wc -l <begun)" = 2 ]; }
	wait_until 20 begun
	same $'here 1\nhere 1' "$(pending)"
	mapfile -t killed < <(tree "$spawned_pid")
	kill -KILL "${killed[@]}"
	timeout 60 jobq-work --worker here -j 2 --until-empty --lease 600 -- \
		sh -c "cat >>$BATS_TEST_TMPDIR/ended"
	same 4 "$(grep -o '"p"' ended | wc -l)"
	same '' "$(pending)"
}

@test "streams: an entry with more fields than a script can hand on is buried" {
	local fields=()
	mapfile -t fields < <(seq 10000)
	export JOBQ_URL="$base&max_attempts=1&dead=$s-dead"
	jobq-admin init 2>/dev/null
	cli XADD "$s" '*' "${fields[@]}" >id
	run_apart timeout 60 jobq-work --until-empty -- false
	same 1 "$status"
	same "$(printf '%s\n' jobq_entry "$(<id)" jobq_id "$(<id)" \
		jobq_reason exit jobq_error 'exit status 1' jobq_attempt 1)" \
		"$(cli XRANGE "$s-dead" - + | sed 1d)"
}

@test "streams: what a dead peer left idle for a lease is taken, not before" {
	many 3
	jobq-admin init
	cli XREADGROUP GROUP jobq peer COUNT 2 STREAMS "$s" '>' >/dev/null
	store 'claim({lease: 60, limit: 9})'
	answered '(map(select(.lease).input.p) == ["3"]) and .[1].unfinished == 3'
	wait_until 15 takes '{worker: "w2", lease: 0.5}'
	answered '.[0] | .input.p == "1" and .lease.epoch == 2 and .attempt == 1'
	same $'w2 2\npeer 1\nw1 1' "$(pending)"
	# The parameter says how long that is, when it is said.
	export JOBQ_URL="$base&idle=0.1"
	wait_until 15 takes '{worker: "w3", lease: 600}'
	same $'w2 2\nw3 2\nw1 1' "$(pending)"
}

# bats test_tags=smoke
@test "streams: a peer in the same group shares the work without a loss" {
	local peers
	many 200
	jobq-admin init
	peer() {
		local found
		while found=$(cli XREADGROUP GROUP jobq peer COUNT 3 STREAMS \
			"$s" '>') && [ -n "$found" ]; do
			grep -A2 -- - <<<"$found" | awk '/^[0-9]+-[0-9]+$/ { id = $0 }
				/^[0-9]+$/ { print >>"peer"; print id }' |
				xargs -r redis-cli -s "$store_server" XACK "$s" \
				jobq >/dev/null
		done
	}
	spawn peer
	peers=$spawned_pid
	timeout 100 jobq-work -j 2 --until-empty -- \
		sh -c "echo {input.p} >>$BATS_TEST_TMPDIR/ours"
	wait_until 20 gone "$peers"
	same "$(seq 200)" "$(sort -n ours peer)"
	same '' "$(pending)"
	[ -s ours ] && [ -s peer ]
}

# --- waiting -----------------------------------------------------------------

# bats test_tags=smoke
@test "streams: what waits stays pending, nobody's, until its time" {
	local id
	many 2
	store 'call("init"; {}), claim({})'
	id=$(jq -r .id <<<"$answers")
	settle '[{event: "started", n: 1}, {event: "failed", n: 2,
		retry_after_ms: 700}]'
	answered '.[1].state == "pending"'
	same 'jobq-parked 1' "$(pending)"
	same '' "$(cli XREADGROUP GROUP jobq w1 STREAMS "$s" 0 | sed 1,2d)"
	same "$id" "$(cli ZRANGE "$(own wait)" 0 -1)"
	same 1 "$(cli HLEN "$(own attempt)")"
	# Neither a worker that begins nor one that looks for the dead has it.
	store 'claim({ring: true, first: true, limit: 9, lease: 0.01})'
	answered 'map(select(.lease).input.p) == ["2"] and (.[-1].next_in == null
		or (.[-1].next_in > 0 and .[-1].next_in <= 0.7))'
	wait_until 10 claims "$id"
	answered '.[0].attempt == 2 and .[0].lease.epoch == 2'
	store "settle([{event: \"completed\", worker: \"w2\", epoch: 2, n: 3,
		id: \"$id\"}])"
	answered '.[0].state == "completed"'
	same 0 "$(cli HEXISTS "$(own attempt)" "$id")"
	same 2 "$(cli XLEN "$s")"
}

@test "streams: what a peer takes while it waits is the peer's" {
	local id
	many 1
	store 'call("init"; {}), claim({})'
	id=$(jq -r .id <<<"$answers")
	settle '[{event: "failed", n: 1, retry_after_ms: 0}]'
	cli XCLAIM "$s" jobq peer 0 "$id" >/dev/null
	store 'claim({limit: 9})'
	answered '.[0].event == "idle" and length == 1'
	same 'peer 2' "$(pending)"
	# It died, too: the count and the attempts go on from there.
	export JOBQ_URL="$base&idle=0.1"
	cli ZADD "$(own lease)" 1 "$id"
	wait_until 10 claims "$id"
	answered '.[0].lease.epoch == 3'
}

@test "streams: a retry of what failed makes it pending again, its epoch grown" {
	local id
	many 1
	store 'call("init"; {}), claim({})'
	id=$(jq -r .id <<<"$answers")
	settle '[{event: "failed", n: 1, retry: false, error: "no"}]'
	same '' "$(pending)"
	run_apart jobq-retry "$id"
	same 0 "$status"
	same 'jobq-parked 1' "$(pending)"
	store 'claim({})'
	answered '.[0].attempt == 1 and .[0].lease.epoch == 2'
	settle '[{event: "completed", n: 1}]'
	answered '.[0].settled == "stale"'
}

# --- endings -----------------------------------------------------------------

# bats test_tags=smoke
@test "streams: a result is written with the acknowledgement" {
	local id
	export JOBQ_URL="$base&results=$s-out"
	many 2
	store 'call("init"; {}), claim({limit: 2})'
	id=$(jq -r .id <<<"$answers" | sed -n 1p)
	jq -nr --arg id "$id" -L "$TOP/tests/support" 'include "requests";
		"{\"event\":\"completed\",\"output\":[1e400, 1.10,\"\\u0000\"]" as $l
		| settle([{event: "completed", id: $id, n: 1, line: $l}])' >requests
	storecall "$JOBQ_URL" <requests >settled
	same "$(printf '%s\n' id "$id" status completed output \
		'[1e400, 1.10,"\u0000"]')" "$(cli XRANGE "$s-out" - + | sed 1d)"
	# Sent again it is written once.
	storecall "$JOBQ_URL" <requests >settled
	same 1 "$(cli XLEN "$s-out")"
	# Failures only when they are asked for.
	id=$(cli XRANGE "$s" - + | sed -n 4p)
	settle '[{event: "failed", n: 1, retry: false, reason: "exit",
		error: "a \"b\""}]'
	answered '.[0].state == "failed"'
	same 1 "$(cli XLEN "$s-out")"
	export JOBQ_URL="$base&results=$s-out&failures=1&dead=$s-dead"
	jobq-retry "$id"
	store 'claim({})'
	settle '[{event: "failed", n: 1, retry: false, reason: "exit",
		error: "a \"b\""}]' 2
	same "$(printf '%s\n' id "$id" status failed reason exit error 'a "b"')" \
		"$(cli XREVRANGE "$s-out" + - COUNT 1 | sed 1d)"
	same "$(printf '%s\n' p 2 jobq_id "$id" jobq_reason exit jobq_error \
		'a "b"' jobq_attempt 1)" "$(cli XRANGE "$s-dead" - + | sed 1d)"
	same '' "$(pending)"
}

@test "streams: without its result a job stays pending" {
	local id
	export JOBQ_URL="$base&results=$s-out"
	many 1
	cli SET "$s-out" x
	store 'call("init"; {}), claim({})'
	id=$(jq -r .id <<<"$answers")
	settle '[{event: "completed", n: 1}]'
	same 2 "$status"
	has "$said" WRONGTYPE
	same 'w1 1' "$(pending)"
	jobq-doctor >doctor || true
	has "$(grep '"check":"results"' doctor)" '"ok":false' 'is a string'
	cli DEL "$s-out"
	settle '[{event: "completed", n: 1}]'
	answered '.[0].settled == true'
	same 1 "$(cli XLEN "$s-out")"
}

# bats test_tags=smoke
@test "streams: of 100 pending entries that are trimmed away each is said" {
	many 101
	jobq-admin init
	cli XREADGROUP GROUP jobq dead COUNT 100 STREAMS "$s" '>' >/dev/null
	same 100 "$(cli XTRIM "$s" MAXLEN 1)"
	export JOBQ_URL="$base&idle=0"
	run_apart timeout 60 jobq-work --until-empty -- sh -c 'cat >>ended'
	same 1 "$status"
	same 100 "$(grep -c 'failed: lost_payload: entry .* trimmed away' \
		<<<"$stderr")"
	same '{"p":"101"}' "$(<ended)"
	same '' "$(pending)"
	same 100 "$(jobq-list --state failed | grep -c lost_payload)"
	run_apart jobq-list --stats --json
	json '.running == 0 and .failed == 100' <<<"$stdout"
}

@test "streams: what is trimmed away while it runs is completed" {
	local id
	export JOBQ_URL="$base&results=$s-out"
	many 2
	store 'call("init"; {}), claim({limit: 2, lease: 2})'
	id=$(jq -r .id <<<"$answers" | sed -n 1p)
	cli XTRIM "$s" MAXLEN 0
	wait_until 10 idle 300
	store "settle([{event: \"alive\", jobs: [[\"$id\", 1]]}])"
	answered '.[0].lost == []'
	settle '[{event: "started", n: 1}, {event: "completed", n: 2}]'
	answered 'map(.settled) == [true, true]'
	same 1 "$(cli XLEN "$s-out")"
	# What is to be tried again has nothing to be tried with.
	store 'list({by: "running"})'
	id=$(jq -r .id <<<"$answers")
	settle '[{event: "failed", n: 1, retry_after_ms: 0}]'
	run_apart jobq-claim -n 1
	same 1 "$status"
	has "$stderr" "$id" lost_payload
	same '' "$(pending)"
}

@test "streams: consumers without entries are removed in the end, no others" {
	many 1
	store 'call("init"; {}), claim({worker: "busy"})'
	cli XGROUP CREATECONSUMER "$s" jobq idle
	cli ZADD "$(own worker)" 1 busy 2 idle
	store 'claim({}), claim({}), claim({})'
	same 'busy 1' "$(pending)"
	has "$(cli XINFO CONSUMERS "$s" jobq)" busy
	lacks "$(cli XINFO CONSUMERS "$s" jobq)" idle$'\n'pending
}

@test "streams: what is kept of what ended goes with its time" {
	many 2
	store 'call("init"; {}), claim({limit: 2})'
	id=$(jq -r .id <<<"$answers" | sed -n 1p)
	settle '[{event: "failed", n: 1, retry: false}]'
	same 1 "$(jobq-list --state failed | wc -l)"
	cli ZADD "$(own prune)" 1 "$id"
	store 'claim({})'
	same 0 "$(cli EXISTS "$(own ended)" "$(own failed)" "$(own prune)")"
	same 1 "$(jobq-list --state completed | wc -l)"
}

@test "streams: a follower is woken by a push" {
	jobq-admin init
	spawn timeout 60 jobq-claim --follow --interval 50 >claimed
	listens() { [ "$(cli PUBSUB NUMSUB "$s:ring" | tail -n 1)" = 1 ]; }
	wait_until 20 listens
	jobq-push --name x --input 7 >pushed
	wait_until 20 grep -q '"input":7' claimed
	jobq-list --stats --json | json '.running == 1 and .ready == 0'
}

@test "streams: the doctor tells of the group" {
	many 2
	store 'call("init"; {}), claim({})'
	jobq-doctor >doctor || true
	has "$(<doctor)" "group jobq of $s has 1 consumers and 1 pending" \
		'1 entries are new' 'cannot do cluster'
}
