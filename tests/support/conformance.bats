#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# What every store keeps. The file of a store, tests/store-NAME.bats, is a link
# to this one, and its name says which store is meant: see store.bash. Any
# other store runs it by  JOBQ_TEST_URL=URL bats tests/support/conformance.bats

load "${BATS_TEST_DIRNAME%/support}/support/store"

# --- lines and ids -----------------------------------------------------------

# bats test_tags=smoke
@test "store: a job's line comes back byte for byte" {
	local line
	feature 'lines are kept byte for byte'
	line='{"id":"a","n":9007199254740993,"z":1.10,"input":[1e400,-0,1E+2],'
	line+=' "s":"\u00e9\/é\ud83d\ude00","a":{"z":1,"a":2,"z":3} ,"meta":{ }'
	jq -nr --arg line "$line" -L "$TOP/tests/support" 'include "requests";
		push([{id: "a", $line}]), list({}), claim({})' >requests
	storecall "$JOBQ_URL" <requests >lines
	same "$line"$'\n'"$line"$'\n'"$line" "$(sed 's/,"attempt":.*//' lines)"
	answers=$(<lines)
	answered 'length == 3 and .[0].state == "pending" and .[0].attempt == 0
		and .[2].attempt == 1 and all(.run_at | ms > 0)'
}

@test "store: NULs and lone surrogates in free values come back" {
	local line
	feature 'lines are kept byte for byte'
	line='{"id":"a","input":"\u0000a\ud800","meta":{"\u0000":"\udfff"}'
	jq -nr --arg line "$line" -L "$TOP/tests/support" 'include "requests";
		push([{id: "a", $line}, {id: "b"}]), claim({limit: 2})' >requests
	storecall "$JOBQ_URL" <requests >lines
	same "$line" "$(sed -n '1s/,"attempt":.*//p' lines)"
	same "$line" "$(sed -n '3s/,"attempt":.*//p' lines)"
	same 4 "$(wc -l <lines)"
}

@test "store: an event's line comes back byte for byte" {
	local line
	feature 'lines are kept byte for byte'
	line='{"event":"completed","id":"a","output":[1e400,1.10,"\u0000\ud800"],'
	line+='"x":{"b":9007199254740993,"a":"\u00e9\/"} '
	jq -nr --arg line "$line" -L "$TOP/tests/support" 'include "requests";
		push([{id: "a"}]), claim({}),
		settle([{event: "completed", id: "a", n: 1, $line}])' >requests
	storecall "$JOBQ_URL" <requests | tail -n 1 >lines
	same "$line,\"settled\":true,\"state\":\"completed\"}" "$(<lines)"
}

@test "store: a line of a megabyte comes back" {
	feature 'lines are kept byte for byte'
	store 'push([{id: "a", meta: {x: ("é\"" * 260000)}}]), claim({})'
	answered 'length == 2 and all(.meta.x == "é\"" * 260000)'
}

# bats test_tags=smoke
@test "store: 500 jobs go in and come out in one call each" {
	store 'push([range(500) | {id: "j\(.)"}]), claim({limit: 500})'
	answered '(.[:500] | map(.id)) == [range(500) | "j\(.)"]
		and (.[500:] | map(.id)) == [range(500) | "j\(.)"]
		and all(.[500:][]; .lease.epoch == 1)'
}

@test "store: a push of an id that is there changes nothing" {
	feature 'a push that is repeated is the same job'
	if ! can repeat; then
		store 'push([{id: "a", name: "1"}]), claim({}), push([{id: "a",
				name: "2"}, {id: "b"}, {id: "b", name: "3"}]),
			list({}), claim({limit: 9}),
			claim({limit: 9, events: [{event: "completed", id: "a", n: 1},
				{event: "completed", id: "b", n: 1}]})'
		answered 'map(select(.event == null) | .id + .name) == ["a1", "a1",
			"a2", "bn", "b3", "a1", "bn", "bn", "a2", "b3"]'
		return
	fi
	store 'push([{id: "a", name: "1"}]), claim({}),
		push([{id: "a", name: "2"}, {id: "b"}, {id: "b", name: "3"}]),
		list({})'
	answered 'map(.id) == ["a", "a", "a", "b", "b", "a", "b"]
		and map(.name) == ["1", "1", "1", "n", "n", "1", "n"]
		and .[2].state == "running" and .[2].attempt == 1'
}

# bats test_tags=smoke
@test "store: of a key one unfinished job is kept in each queue" {
	feature 'keys'
	if ! can key; then
		refuses 'push([{id: "a", key: "k"}])' key
		return
	fi
	store 'push([{id: "a", key: "k"}, {id: "b", key: "k"},
			{id: "c", key: "k", queue: "q"}, {id: "d", key: "l"}]),
		push([{id: "e", key: "k"}]), claim({queues: ["default"]}),
		push([{id: "f", key: "k"}]),
		settle([{event: "completed", id: "a", n: 1}]),
		push([{id: "g", key: "k"}, {id: "h", key: "k"}]), list({})'
	answered '(.[:4] | map(.id)) == ["a", "a", "c", "d"]
		and .[4].id == "a" and .[6].id == "a" and .[6].state == "running"
		and .[8].id == "g" and .[9].id == "g"
		and (.[10:] | map(.id)) == ["a", "c", "d", "g"]'
}

# --- what is claimed ---------------------------------------------------------

@test "store: a claim gives a lease of its epoch and worker" {
	feature 'leases'
	store 'push([{id: "a"}, {id: "b"}]), claim({}),
		claim({worker: "x\"y", lease: 1.5, ring: true})'
	if can renew; then
		answered '.[2].lease == {epoch: 1, worker: "w1", seconds: 30}
			and .[3].lease == {epoch: 1, worker: "x\"y", seconds: 1.5,
			ring: true}'
	else
		answered '.[2].lease == {epoch: 1, worker: "w1"}
			and .[3].lease == {epoch: 1, worker: "x\"y", ring: true}'
	fi
	answered '.[2:] | map(.id, .state, .attempt)
		== ["a", "running", 1, "b", "running", 1]'
}

# bats test_tags=smoke
@test "store: a claim with nothing to take answers idle" {
	store 'claim({}), push([{id: "a"}]), claim({limit: 2}), claim({})'
	answered '.[0] == {event: "idle", unfinished: 0}
		and .[2].id == "a" and .[3] == {event: "idle", unfinished: 1}
		and .[4] == {event: "idle", unfinished: 1}'
}

@test "store: a claim takes no more than its limit, and nothing at limit 0" {
	store 'push([range(5) | {id: "j\(.)"}]), claim({limit: 3}),
		claim({limit: 0}), claim({limit: 9})'
	answered '.[5:] | map(.id // empty) == ["j0", "j1", "j2", "j3", "j4"]
		and map(select(.event != "idle"))[:3] == .[:3]'
}

@test "store: higher priorities go first, equal ones in the order of push" {
	feature 'priorities'
	if ! can priority; then
		refuses 'push([{id: "a", priority: 1}])' priority
		return
	fi
	store 'push([{id: "a"}, {id: "b", priority: -1}, {id: "c", priority: 7},
			{id: "d", queue: "q", priority: 7}, {id: "e"}]),
		claim({limit: 3}), claim({limit: 3})'
	answered '.[5:] | map(.id // empty) == ["c", "d", "a", "e", "b"]'
}

# bats test_tags=smoke
@test "store: a job waits for its time, and idle says how long" {
	feature 'times to run at'
	if ! can run_at; then
		refuses 'push([{id: "a", run_at_ms: 4e12}])' run_at
		return
	fi
	store 'push([{id: "b", run_at_ms: (now * 1000 + 3600000 | floor)},
		{id: "a", run_at_ms: (now * 1000 + 700 | floor)}]), claim({limit: 2})'
	# A slow machine may be late for the first look.
	answered '.[0].state == "pending" and (.[2].event != "idle"
		or (.[2].next_in <= 0.7 and .[2].unfinished == 2))'
	[[ $answers == *'"lease":'* ]] || wait_until 10 claims a
	answered 'map(select(.lease)) | map(.id) == ["a"]'
	store 'claim({limit: 2})'
	answered '.[0].event == "idle" and .[0].next_in > 3000
		and .[0].next_in <= 3600'
}

@test "store: a job that still waits at its expiry is cancelled" {
	feature 'expiry'
	if ! can expires_at; then
		refuses 'push([{id: "a", expires_at_ms: 1}])' expires_at
		return
	fi
	store '(now * 1000 | floor) as $now | push([{id: "a", expires_at_ms: 1},
			{id: "b", expires_at_ms: ($now + 3600000)},
			{id: "c", expires_at_ms: ($now + 2000),
				run_at_ms: ($now + 9000000)}]),
		claim({limit: 5}), claim({}), list({})'
	answered '(map(select(.lease)) | map(.id)) == ["b"]
		and (map(select(.id == "a"))[-1].state == "cancelled")
		and (map(select(.id == "a"))[-1].ended.reason == "expired")'
	expired() {
		store 'claim({}), list({by: "ids", ids: ["c"]})'
		answered '.[-1].state == "cancelled"'
	}
	wait_until 12 expired
	same '' "$said"
}

@test "store: a running job outlives its expiry" {
	can expires_at || return 0
	feature 'expiry'
	store '(now * 1000 | floor) as $now
		| push([{id: "a", expires_at_ms: ($now + 3600000)},
			{id: "b", expires_at_ms: ($now + 2500)}]),
		claim({ids: ["b"]})'
	answered 'any(.id == "b" and .lease)'
	past() { (($(date +%s%N) / 1000000 > $1)); }
	wait_until 12 past $(($(date +%s%N) / 1000000 + 2600))
	store 'claim({limit: 0}), settle([{event: "completed", id: "b", n: 1}])'
	answered '.[-1].settled == true and .[-1].state == "completed"'
}

# bats test_tags=smoke
@test "store: a job waits until all it needs is completed" {
	feature 'needs'
	if ! can needs; then
		refuses 'push([{id: "a", needs: ["b"]}])' needs
		store 'list({})'
		same '' "$answers"
		return
	fi
	store 'push([{id: "c", needs: ["a", "b"]}, {id: "a"}, {id: "b"},
			{id: "d", needs: ["c"]}]),
		claim({limit: 9}), settle([{event: "completed", id: "a", n: 1}]),
		claim({limit: 9}), settle([{event: "completed", id: "b", n: 1}]),
		claim({limit: 9}),
		push([{id: "e", needs: ["a"]}, {id: "f", needs: ["gone"]}])'
	answered '(.[:4] | map(.state)) == ["blocked", "pending", "pending",
			"blocked"]
		and (map(select(.lease) | .id) == ["a", "b", "c"])
		and .[4].id == "a" and .[6].event == "idle"
		and .[-2].state == "pending" and .[-1].state == "blocked"'
}

@test "store: two parents that complete in one batch release the child" {
	can needs || return 0
	feature 'needs'
	store 'push([{id: "a"}, {id: "b"}, {id: "c", needs: ["a", "b"]},
			{id: "d", needs: ["a", "b", "e"]}, {id: "e"}]),
		claim({limit: 3}), settle([{event: "completed", id: "a", n: 1},
			{event: "completed", id: "b", n: 1}]), claim({limit: 9}),
		claim({limit: 9, events: [{event: "completed", id: "e", n: 1}]})'
	answered 'map(select(.lease) | .id) == ["a", "b", "e", "c", "d"]'
}

@test "store: what failed or was cancelled keeps blocking, a retry frees it" {
	can needs || return 0
	feature 'needs'
	store 'push([{id: "a", max_attempts: 1}, {id: "b", needs: ["a"]}]),
		claim({}), settle([{event: "failed", id: "a", n: 1}]),
		claim({limit: 9})'
	answered '.[-1].event == "idle"'
	store 'call("retry"; {ids: ["a"]}), claim({}),
		settle([{event: "completed", id: "a", epoch: 2, n: 1}]), claim({})'
	answered '.[-1].id == "b"'
}

@test "store: a claim keeps to the queues and the flow it names" {
	feature 'queues and flows'
	if ! can queues; then
		refuses 'push([{id: "a", queue: "x"}])' queue
		refuses 'push([{id: "a", flow: "f"}])' flow
		refuses 'call("init"; {}), claim({flow: "f"})' flow
		store 'push([{id: "a"}]), claim({queues: ["x"]}),
			claim({queues: ["x", "default"]})'
		answered 'map(.event // .id) == ["a", "idle", "a"]'
		return
	fi
	store 'push([{id: "a", queue: "x", flow: "f"}, {id: "b", queue: "y"},
			{id: "c", queue: "z", flow: "f"}, {id: "d", flow: "g"}]),
		claim({limit: 9, queues: ["x", "nosuch"]}),
		claim({limit: 9, flow: "f"}), claim({limit: 9, flow: "nosuch"}),
		claim({limit: 9, queues: ["y"], flow: "f"}), claim({limit: 9})'
	answered '.[4:] | map(select(.event == null) | .id)
		== ["a", "c", "b", "d"] and .[1].event == "idle"
		and .[3].event == "idle" and .[4].event == "idle"'
}

@test "store: a claim by ids takes those that can start, and no others" {
	feature 'claims by id'
	if ! can ring; then
		store 'push([{id: "a"}, {id: "b"}])'
		refuses 'claim({limit: 2, ids: ["b"]})' ids
		refuses 'claim({limit: 2, ids: ["a", "b"]})' ids
		store 'claim({limit: 2})'
		answered 'map(.id) == ["a", "b"] and all(.lease.epoch == 1)'
		return
	elif ! can ids; then
		store 'push([{id: "a"}, {id: "b"}, {id: "c"}])'
		refuses 'claim({limit: 2, ids: ["b", "nosuch"]})' ids
		refuses 'claim({limit: 2, ids: ["a", "c"]})' ids
		store 'claim({limit: 9, ids: ["b", "nosuch", "a", "b"]}),
			claim({limit: 9, ids: []}),
			claim({limit: 9, ids: ["a", "c"], events: [{event:
				"released", id: "a", n: 1}]})'
		answered 'map(select(.lease) | [.id, .lease.epoch])
			== [["a", 1], ["b", 1], ["a", 2], ["c", 1]]'
		return
	fi
	store 'push([{id: "a"}, {id: "b"}, {id: "c"}, {id: "d",
			run_at_ms: (now * 1000 + 3600000 | floor)}]),
		claim({ids: ["c"]}),
		claim({limit: 9, ids: ["d", "c", "nosuch", "b", "b"]}),
		claim({limit: 9, ids: []})'
	answered '.[4:] | map(select(.lease).id) == ["c", "b"]'
}

# bats test_tags=smoke
@test "store: of many claimers no two get the same job" {
	local i pids=()
	store 'push([range(60) | {id: "j\(.)"}])'
	if ! can ring; then
		for i in 1 2 3; do
			timeout 60 jobq-work --until-empty -j 4 -- \
				sh -c 'echo "$JOBQ_ID" >>ran' 3>&- 4>&- &
			pids+=($!)
		done
		for i in "${pids[@]}"; do
			wait "$i"
		done
		same "$(printf 'j%d\n' {0..59} | sort)" "$(sort ran)"
		return
	fi
	for i in 1 2 3; do
		jq -nr -L "$TOP/tests/support" "include \"requests\";
			range(5) | claim({worker: \"w$i\", limit: 4})" >"r$i"
		storecall "$JOBQ_URL" <"r$i" >"out$i" 3>&- 4>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	same 60 "$(cat out? | jq -r 'select(.lease).id' | sort -u | wc -l)"
	same 60 "$(cat out? | jq -r 'select(.lease).id' | wc -l)"
}

# --- one accepted outcome ----------------------------------------------------

@test "store: an ending is accepted from the lease that holds the job" {
	feature 'one accepted outcome'
	store 'push([{id: "a"}]), claim({}),
		settle([{event: "started", id: "a", n: 1},
			{event: "output", id: "a", n: 2},
			{event: "completed", id: "a", n: 3}]), list({})'
	answered '.[2:5] == [
		{event: "started", id: "a", epoch: 1, worker: "w1", n: 1,
			settled: true},
		{event: "output", id: "a", epoch: 1, worker: "w1", n: 2,
			settled: true},
		{event: "completed", id: "a", epoch: 1, worker: "w1", n: 3,
			settled: true, state: "completed"}]
		and .[5].state == "completed" and .[5].attempt == 1'
}

@test "store: an ending that is sent again is answered the same, once more" {
	feature 'one accepted outcome'
	store 'push([{id: "a"}, {id: "b"}]), claim({limit: 2}),
		settle([{event: "completed", id: "a", n: 1}]),
		settle([{event: "completed", id: "a", n: 1}]),
		settle([{event: "failed", id: "b", n: 2, retry_after_ms: 0},
			{event: "failed", id: "b", n: 2, retry_after_ms: 0}]),
		settle([{event: "failed", id: "b", n: 2, retry_after_ms: 0}]),
		list({})'
	answered '.[4:9] | map(.settled) == [true, true, true, true, true]'
	answered '.[4].state == "completed" and .[6].state == "pending"
		and .[9].state == "completed" and .[10].attempt == 1'
}

@test "store: another ending of a settled job is stale and changes nothing" {
	feature 'one accepted outcome'
	store 'push([{id: "a"}, {id: "b"}]), claim({limit: 2}),
		settle([{event: "completed", id: "a", n: 1},
			{event: "failed", id: "a", n: 2, retry: false},
			{event: "failed", id: "b", n: 1, retry: false},
			{event: "completed", id: "b", n: 2}]),
		settle([{event: "failed", id: "a", n: 2, retry: false},
			{event: "released", id: "a", n: 3}]), list({})'
	answered '.[4:10] | map(.settled)
		== [true, "stale", true, "stale", "stale", "stale"]'
	answered '.[10].state == "completed" and .[11].state == "failed"'
}

# bats test_tags=smoke
@test "store: a stale epoch is told so and changes nothing" {
	feature 'one accepted outcome'
	store_then 'push([{id: "a"}]), claim({}), settle([{event: "released", id: "a",
			n: 1}]), claim({worker: "w1"}),
		settle([{event: "completed", id: "a", epoch: 1, n: 2},
			{event: "output", id: "a", epoch: 1, n: 3},
			{event: "completed", id: "a", epoch: 3, n: 1}]), list({})' \
		'settle([{event: "completed", id: "a", epoch: 2, n: 1}])'
	answered '.[4:7] | map(.settled) == ["stale", "stale", "stale"]'
	answered --arg claimed "$(claimed_state)" '.[7].state == $claimed
		and .[8].settled == true'
}

@test "store: a job that another worker claimed is not settled" {
	feature 'one accepted outcome'
	store 'push([{id: "a"}]), claim({worker: "w2"}),
		settle([{event: "started", id: "a", n: 1},
			{event: "completed", id: "a", n: 2}]), list({}),
		settle([{event: "completed", id: "a", worker: "w2", n: 1}])'
	answered '.[2:4] | map(.settled) == ["stale", "stale"]'
	answered --arg claimed "$(claimed_state)" '.[4].state == $claimed
		and .[5].settled == true'
}

@test "store: a job nobody claimed is not settled" {
	feature 'one accepted outcome'
	if ! can ring; then
		store 'push([{id: "a"}])'
		refuses 'settle([{event: "completed", id: "a", n: 1}])' ring
		store 'claim({limit: 0}), settle([{event: "completed", id: "a",
				n: 1}, {event: "started", id: "a", n: 2}]),
			list({}), call("events"; {since: 0, limit: 9})'
		answered '.[:2] | map(.settled) == ["unknown", "unknown"]'
		answered '.[2:] | without_end | length == 1 and .[0].attempt == 0
			and .[0].state == "pending"'
		refused= # nothing is settled here, either
		return
	fi
	store 'push([{id: "a"}]), settle([{event: "completed", id: "a", n: 1},
			{event: "started", id: "a", epoch: 0, n: 2}]), list({})'
	answered '.[1:3] | map(.settled) == ["stale", "stale"]'
	answered '.[3].state == "pending" and .[3].attempt == 0'
}

@test "store: an event of no job or of no lease is unknown" {
	feature 'one accepted outcome'
	store 'push([{id: "a"}]), claim({}),
		settle([{event: "completed", id: "nosuch", n: 1},
			{event: "completed", id: "a", epoch: null, worker: null, n: 1},
			{event: "started", id: "nosuch", n: 1}]), list({})'
	answered '.[2:5] | map(.settled) == ["unknown", "unknown", "unknown"]'
	answered --arg claimed "$(claimed_state)" '.[5].state == $claimed'
}

@test "store: events behind the ending are stale, earlier ones are not" {
	feature 'late events are told from repeated ones'
	store 'push([{id: "a"}]), claim({}),
		settle([{event: "started", id: "a", n: 1},
			{event: "completed", id: "a", n: 2},
			{event: "output", id: "a", n: 3}]),
		settle([{event: "started", id: "a", n: 1},
			{event: "output", id: "a", n: 4}])'
	if ! can log; then
		answered '.[2:] | map(.settled) == [true, true, true, true, true]
			and .[4].state == null and .[6].state == null'
		return
	fi
	answered '.[2:] | map(.settled) == [true, true, "stale", true, "stale"]'
}

@test "store: an ending that comes before its start counts, the start does not" {
	feature 'late events are told from repeated ones'
	store 'push([{id: "a"}]), claim({}),
		settle([{event: "completed", id: "a", n: 2},
			{event: "output", id: "a", n: 3}]), list({})'
	if can log; then
		answered '.[2:4] | map(.settled) == [true, "stale"]'
	else
		answered '.[2:4] | map(.settled) == [true, true]'
	fi
	answered '.[4].state == "completed"'
}

# bats test_tags=smoke
@test "store: a claim settles what comes back before it takes the next" {
	feature 'settling within a claim'
	store 'push([{id: "a"}, {id: "b"}, {id: "c"}]), claim({limit: 2}),
		claim({limit: 2, events: [{event: "completed", id: "a", n: 1},
			{event: "released", id: "b", n: 1},
			{event: "completed", id: "nosuch", n: 1}]})'
	answered '.[5:] | map(.settled // .id) == [true, true, "unknown", "b", "c"]
		and .[3].lease.epoch == 2 and .[3].attempt == 1'
}

# --- attempts ----------------------------------------------------------------

@test "store: the first failure waits 15 s, give or take a tenth" {
	feature 'attempts and backoff'
	store 'push([range(20) | {id: "j\(.)"}]), claim({limit: 20}),
		settle([range(20) | {event: "failed", id: "j\(.)", n: 1}]), list({})'
	answered '.[40:60] | all(.settled == true and .state == "pending")'
	if ! can backoff; then
		answered '.[60:] | all(.state == "pending" and .attempt == 1
			and (.run_at | ms) - (.ended.at | ms) == 60000)'
		return
	fi
	# The time of the failure is not known to more than the call's length.
	answered --argjson leeway "$(leeway_ms)" '.[60:] | all(
		.state == "pending" and .attempt == 1
		and (.run_at | ms) - (.ended.at | ms) >= 13500 - $leeway
		and (.run_at | ms) - (.ended.at | ms) <= 16500)'
	answered '.[60:] | map(.run_at) | unique | length > 1'
}

@test "store: each further failure waits twice as long, at most an hour" {
	feature 'attempts and backoff'
	if ! can backoff; then
		store 'push([{id: "a"}]), claim({}), claim({events: [{
				event: "failed", id: "a", n: 1, retry_after_ms: 0}]}),
			settle([{event: "failed", id: "a", epoch: 2, n: 1}]), list({})'
		answered '.[-1].attempt == 2 and ((.[-1].run_at | ms)
			- (.[-1].ended.at | ms)) == 60000'
		return
	fi
	store 'push([{id: "a", max_attempts: 12}]), (range(1; 11) | claim({
			events: [{event: "failed", id: "a", epoch: (. - 1), n: 1,
				retry_after_ms: 0}]})),
		settle([{event: "failed", id: "a", epoch: 10, n: 1}]), list({})'
	answered --argjson leeway "$(leeway_ms)" '.[-1].attempt == 10
		and ((.[-1].run_at | ms) - (.[-1].ended.at | ms)
		| . <= 3600000 and . >= 3600000 - $leeway)'
	store 'push([{id: "b"}]), claim({}), claim({events: [{event: "failed",
			id: "b", n: 1, retry_after_ms: 0}]}),
		settle([{event: "failed", id: "b", epoch: 2, n: 1}]),
		list({by: "ids", ids: ["b"]})'
	answered --argjson leeway "$(leeway_ms)" '((.[-1].run_at | ms)
		- (.[-1].ended.at | ms)) | . >= 27000 - $leeway and . <= 33000'
}

@test "store: retry_after is the wait of a failure" {
	feature 'attempts and backoff'
	store 'push([{id: "a"}]), claim({}), settle([{event: "failed", id: "a",
			n: 1, retry_after_ms: 7000}]), list({})'
	answered --argjson leeway "$(leeway_ms)" '.[2].run_at == .[3].run_at
		and ((.[3].run_at | ms) - (.[3].ended.at | ms)
		| . <= 7000 and . >= 7000 - $leeway)'
}

# bats test_tags=smoke
@test "store: a failure is final with the last attempt, or without a retry" {
	feature 'attempts and backoff'
	store 'push([{id: "a", max_attempts: 2}, {id: "b"}]), claim({limit: 2}),
		settle([{event: "failed", id: "a", n: 1, retry_after_ms: 0},
			{event: "failed", id: "b", n: 1, retry: false,
				reason: "exit", error: "no \"luck\""}]),
		claim({}), settle([{event: "failed", id: "a", epoch: 2,
			n: 1, retry: true}]), list({})'
	answered '.[4].state == "pending" and .[5].state == "failed"
		and .[6].attempt == 2 and .[7].state == "failed"
		and .[7].run_at == null and (.[8:] | map(.state) == ["failed",
			"failed"])'
	answered '.[-1].ended | .reason == "exit" and .error == "no \"luck\""'
}

@test "store: a released job can start at once, its attempt given back" {
	feature 'released and snoozed'
	store 'push([{id: "a", max_attempts: 1}]), claim({}),
		settle([{event: "started", id: "a", n: 1},
			{event: "released", id: "a", n: 2, reason: "shutdown"}]),
		list({}), claim({})'
	answered --argjson leeway "$(leeway_ms)" '.[3].state == "pending"
		and ((.[3].run_at | ms) - (.[0].run_at | ms)
		| . >= 0 and . <= $leeway) and .[4].attempt == 0 and .[5].attempt == 1
		and .[5].lease.epoch == 2'
}

@test "store: a snoozed job waits, its attempt given back" {
	feature 'released and snoozed'
	store 'push([{id: "a", max_attempts: 1}, {id: "b"}]), claim({limit: 2}),
		settle([{event: "snoozed", id: "a", n: 1},
			{event: "snoozed", id: "b", n: 1, retry_after_ms: 5000}]),
		list({})'
	answered --argjson leeway "$(leeway_ms)" '.[6:] | map(.state, .attempt)
		== ["pending", 0, "pending", 0]
		and (map((.run_at | ms) - (.ended.at | ms)) | . as [$a, $b]
		| $a <= 60000 and $a >= 60000 - $leeway
		and $b <= 5000 and $b >= 5000 - $leeway)'
	answered '.[4].run_at == .[6].run_at and .[4].state == "pending"'
}

@test "store: a job is snoozed a hundred times, then its attempts count" {
	feature 'released and snoozed'
	if ! can snoozes; then
		store 'push([{id: "a", max_attempts: 1}]), claim({}), (range(1; 5)
				| claim({events: [{event: "snoozed", id: "a", epoch: .,
					n: 1, retry_after_ms: 0}]}))'
		answered 'map(select(.lease).attempt) == [1, 1, 1, 1, 1]'
		return
	fi
	store 'push([{id: "a", max_attempts: 2}]), claim({}), (range(1; 102)
			| claim({events: [{event: "snoozed", id: "a", epoch: .,
				n: 1, retry_after_ms: 0}]})),
		settle([{event: "snoozed", id: "a", epoch: 102, n: 1,
			retry_after_ms: 0}]), list({})'
	answered 'map(select(.lease).attempt) == [range(101) | 1] + [2]
		and .[-2].state == "failed" and .[-1].attempt == 2'
}

# --- leases ------------------------------------------------------------------

# bats test_tags=smoke
@test "store: a lease that runs out before the start gives the attempt back" {
	feature 'leases that run out'
	if ! can renew; then
		store 'push([{id: "a"}]), claim({lease: 0.1})'
		answered '.[1].lease.seconds == null'
		return
	fi
	store 'push([{id: "a", max_attempts: 1}]), claim({lease: 0.1})'
	wait_until 10 claims a
	answered '.[0].attempt == 1 and .[0].lease == {epoch: 2, worker: "w2",
		seconds: 30}'
	store 'settle([{event: "completed", id: "a", n: 1}]), list({})'
	answered '.[0].settled == "stale" and .[1].state == "running"
		and .[1].rescues == null'
}

@test "store: a job is rescued three times, the fourth crash fails it" {
	local i
	if settles_here; then
		feature 'rescues'
		mkfifo calls
		exec 7<>calls
		store 'push([{id: "a", max_attempts: 1}])'
		for i in 1 2 3 4; do
			dies_with a "$i" 7
		done
		exec 7>&-
		store '(range(20) | claim({})), list({})'
		answered 'map(select(.event == "failed"))
			| length == 1 and .[0].reason == "crash"'
		answered 'all(.lease == null) and (.[-1] | .state == "failed"
			and .rescues == 3 and .ended.reason == "crash"
			and (.ended.error | length > 0))'
		return
	fi
	can renew || return 0
	feature 'rescues'
	store 'push([{id: "a", max_attempts: 1}]), claim({worker: "w2"})'
	for i in 1 2 3 4; do
		# It starts, and its worker falls silent.
		store "claim({events: [{event: \"released\", id: \"a\",
				worker: \"w2\", epoch: $((2 * i - 1)), n: 1}],
				ids: [\"a\"], lease: 0.1}),
			settle([{event: \"started\", id: \"a\", epoch: $((2 * i)),
				n: 1}])"
		answered '.[0].settled == true and .[1].attempt == 1
			and .[2].settled == true'
		((i == 4)) || wait_until 10 claims a
	done
	if ! can rescues; then
		wait_until 10 claims a
		answered '.[0].attempt == 1 and .[0].lease.epoch == 9'
		return
	fi
	crashed() {
		store 'claim({}), list({})'
		answered '.[-1].state == "failed"'
	}
	wait_until 10 crashed
	answered '.[-1].ended.reason == "crash" and .[-1].rescues == 3
		and (.[-1].ended.error | length > 0)'
}

@test "store: alive, and every other event, renews a lease" {
	can renew || return 0
	feature 'renewals'
	local n=1
	store 'push([{id: "a"}, {id: "b"}, {id: "c"}]),
		claim({limit: 3, lease: 2}),
		settle([{event: "started", id: "b", n: 1}])'
	# What is not heard of is lost in the end; the others are held.
	renewed() {
		n=$((n + 1))
		store "settle([{event: \"alive\", jobs: [[\"a\", 1]]},
				{event: \"progress\", id: \"b\", n: $n}]),
			claim({worker: \"w2\", limit: 3})"
		answered '.[0].lost == [] and .[1].settled == true'
		[[ $answers == *'"lease":'* ]]
	}
	wait_until 20 renewed
	answered 'map(select(.lease).id) == ["c"]'
	store 'list({by: "running"})'
	answered 'map(.held.worker) == ["w1", "w1", "w2"]'
}

@test "store: alive is answered with what is lost" {
	can renew || return 0
	feature 'renewals'
	store 'push([range(5) | {id: "j\(.)"}]), claim({limit: 3}),
		claim({worker: "w2"}),
		settle([{event: "completed", id: "j1", n: 1},
			{event: "released", id: "j2", n: 1}]), claim({ids: ["j2"]}),
		settle([{event: "alive", n: 4, jobs: [["j0", 1], ["j1", 1],
			["j2", 1], ["j2", 2], ["j3", 1], ["j4", 1], ["nosuch", 1]]},
			{event: "alive", n: 5, jobs: [["j0", 1]]}])'
	answered '.[-2:] == [
		{event: "alive", worker: "w1", n: 4, jobs: [["j0", 1], ["j1", 1],
			["j2", 1], ["j2", 2], ["j3", 1], ["j4", 1], ["nosuch", 1]],
		lost: [["j1", 1], ["j2", 1], ["j3", 1], ["j4", 1], ["nosuch", 1]]},
		{event: "alive", worker: "w1", n: 5, jobs: [["j0", 1]], lost: []}]'
}

@test "store: a claim that waits learns what has started, and renews the rest" {
	can renew || return 0
	feature 'renewals'
	store 'push([{id: "a"}, {id: "b"}]), claim({limit: 2, lease: 2}),
		settle([{event: "started", id: "a", n: 1}])'
	waited() {
		store 'settle([{event: "alive", waiting: true,
				jobs: [["a", 1], ["b", 1]]}]),
			claim({worker: "w2", limit: 2})'
		[[ $answers == *'"lease":'* ]]
	}
	store 'settle([{event: "alive", waiting: true, jobs: [["a", 1],
		["b", 1]]}])'
	answered '.[0].lost == [] and .[0].started == [["a", 1]]'
	wait_until 20 waited
	answered 'map(select(.lease).id) == ["a"]'
	store 'settle([{event: "alive", waiting: true, jobs: [["a", 1],
		["b", 1]]}])'
	answered '.[0].lost == [["a", 1]] and .[0].started == []'
}

@test "store: a claim says which of those it holds must stop" {
	feature 'stops'
	store 'push([{id: "a"}, {id: "b"}, {id: "c"}]), claim({limit: 2}),
		claim({worker: "w2"}),
		settle([{event: "completed", id: "b", n: 1}]),
		claim({held: [["a", 1], ["b", 1], ["c", 1], ["nosuch", 4]]})'
	answered '.[-4:] == [
		{event: "stop", id: "b", epoch: 1, reason: "lost"},
		{event: "stop", id: "c", epoch: 1, reason: "lost"},
		{event: "stop", id: "nosuch", epoch: 4, reason: "lost"},
		{event: "idle", unfinished: 2}]'
}

@test "store: jobs whose lease ran out are put right by reap, too" {
	feature 'reap'
	if ! has_verb reap; then
		refuses 'call("reap"; {})' reap
		return
	fi
	store 'push([{id: "a"}, {id: "b"}, {id: "c"}]),
		claim({limit: 1, lease: 0.1}), claim({})'
	reaped() {
		store 'call("reap"; {})'
		[ -n "$answers" ]
	}
	wait_until 10 reaped
	answered 'map({event, id, epoch, worker, reason, state}) == [{event:
		"released", id: "a", epoch: 1, worker: "w1", reason: "lost",
		state: "pending"}]'
	store 'call("reap"; {}), list({})'
	answered 'map(.state) == ["pending", "running", "pending"]'
}

# --- cancel, retry, pause ----------------------------------------------------

@test "store: a job that waits is cancelled at once" {
	feature 'cancel'
	if ! has_verb cancel; then
		refuses 'call("cancel"; {ids: ["a"]})' cancel
		return
	fi
	if ! can cancel; then
		# It is cancelled when a worker comes to it.
		store 'push([{id: "a"}, {id: "b"}, {id: "c"}]), claim({}),
			settle([{event: "completed", id: "a", n: 1}]),
			call("cancel"; {ids: ["b", "a", "nosuch"]}), list({}),
			claim({limit: 9}), call("cancel"; {ids: ["b"]}), list({})'
		answered '.[5:8] == [
			{event: "cancel", id: "b", was: "pending", done: true},
			{event: "cancel", id: "a", was: "completed", done: false},
			{event: "cancel", id: "nosuch", was: "unknown", done: false}]
			and .[9].state == "pending"'
		answered '.[11] | del(.at) == {event: "cancelled", id: "b", epoch: 1,
			worker: "w1", reason: "cancel", state: "cancelled"}'
		answered '.[12].id == "c" and .[12].lease.epoch == 1
			and .[14] == {event: "cancel", id: "b", was: "cancelled",
				done: false}
			and .[16].state == "cancelled"
			and .[16].ended.reason == "cancel"'
		return
	fi
	store 'push([{id: "a"}, {id: "b"}, {id: "c"}]), claim({}),
		settle([{event: "completed", id: "a", n: 1}]),
		call("cancel"; {ids: ["b", "a", "nosuch"], reason: "why\"not"}),
		call("cancel"; {ids: ["b"]}), claim({limit: 9}), list({})'
	answered '.[5:9] == [
		{event: "cancel", id: "b", was: "pending", done: true},
		{event: "cancel", id: "a", was: "completed", done: false},
		{event: "cancel", id: "nosuch", was: "unknown", done: false},
		{event: "cancel", id: "b", was: "cancelled", done: false}]'
	answered '.[9].id == "c" and .[11].state == "completed"
		and .[12].state == "cancelled"
		and .[12].ended.reason == "why\"not"'
}

@test "store: a blocked job is cancelled at once" {
	{ can needs && has_verb cancel; } || return 0
	feature 'cancel'
	store 'push([{id: "a"}, {id: "b", needs: ["a"]}]),
		call("cancel"; {ids: ["b"]}), claim({}),
		claim({limit: 9, events: [{event: "completed", id: "a", n: 1}]})'
	answered '.[2] == {event: "cancel", id: "b", was: "blocked", done: true}
		and .[-1].event == "idle" and .[-1].unfinished == 0'
}

# bats test_tags=smoke
@test "store: the worker of a running job is told to stop" {
	has_verb cancel || return 0
	feature 'cancel'
	store_then 'push([{id: "a"}, {id: "b"}]), claim({limit: 2}),
		settle([{event: "started", id: "a", n: 1}]),
		claim({limit: 0, held: [["a", 1], ["b", 1]]}),
		call("cancel"; {ids: ["a"]}), call("cancel"; {ids: ["a"]}),
		claim({limit: 0, held: [["a", 1], ["b", 1]]}), list({})' \
		'settle([{event: "cancelled", id: "a", n: 2, reason: "cancel"}]),
		list({by: "ids", ids: ["a"]})'
	answered 'map(select(.event == "cancel" or .event == "stop")) == [
		{event: "cancel", id: "a", was: "running", done: true,
			worker: "w1", asked_before: false},
		{event: "cancel", id: "a", was: "running", done: false,
			worker: "w1", asked_before: true},
		{event: "stop", id: "a", epoch: 1, reason: "cancel"}]
		and .[-4].state == "running" and .[-4].held.cancel == "cancel"
		and .[-2].settled == true and .[-2].state == "cancelled"
		and .[-1].state == "cancelled"'
}

@test "store: a job that is asked to stop may complete, but not run again" {
	has_verb cancel || return 0
	feature 'cancel'
	store 'push([{id: "a"}, {id: "b"}, {id: "c"}, {id: "d"}]),
		claim({limit: 4}), call("cancel"; {ids: ["a", "b", "c", "d"]}),
		settle([{event: "completed", id: "a", n: 1},
			{event: "failed", id: "b", n: 1},
			{event: "released", id: "c", n: 1},
			{event: "snoozed", id: "d", n: 1}]), claim({limit: 9})'
	answered '.[12:16] | map(.state)
		== ["completed", "cancelled", "cancelled", "cancelled"]'
	answered '.[16].event == "idle" and .[16].unfinished == 0'
}

@test "store: the job of a silent worker is cancelled when its lease ends" {
	{ has_verb cancel && can renew; } || return 0
	feature 'cancel'
	store 'push([{id: "a"}]), claim({lease: 0.3}),
		settle([{event: "started", id: "a", n: 1}]),
		call("cancel"; {ids: ["a"], reason: "enough"})'
	answered '.[-1].was == "running" and .[-1].done'
	silenced() {
		store 'claim({}), list({})'
		answered '.[-1].state == "cancelled"'
	}
	wait_until 10 silenced
	answered '.[-1].ended.reason == "enough"'
	store 'settle([{event: "completed", id: "a", n: 2}]), list({})'
	answered '.[0].settled == "stale" and .[1].state == "cancelled"'
}

@test "store: retry begins a finished job anew, and calls off a wait" {
	feature 'retry'
	if ! has_verb retry; then
		refuses 'call("retry"; {ids: ["a"]})' retry
		return
	fi
	store 'push([{id: "a", max_attempts: 1}, {id: "b"}, {id: "c"}, {id: "d"},
			{id: "e"}]),
		claim({limit: 4}), settle([{event: "failed", id: "a", n: 1},
			{event: "failed", id: "b", n: 1},
			{event: "cancelled", id: "c", n: 1}]),
		call("retry"; {ids: ["a", "b", "c", "d", "nosuch"]}),
		claim({limit: 9})'
	answered '.[12:17] == [
		{event: "retry", id: "a", was: "failed", done: true},
		{event: "retry", id: "b", was: "pending", done: true},
		{event: "retry", id: "c", was: "cancelled", done: true},
		{event: "retry", id: "d", was: "running", done: false},
		{event: "retry", id: "nosuch", was: "unknown", done: false}]'
	answered '.[17:] | map(select(.lease) | [.id, .attempt, .lease.epoch])
		== [["a", 1, 2], ["b", 2, 2], ["c", 1, 2], ["e", 1, 1]]'
	store 'settle([{event: "completed", id: "a", epoch: 2, n: 1}]),
		call("retry"; {ids: ["a"]})'
	answered '.[1] == {event: "retry", id: "a", was: "completed", done: false}'
}

@test "store: retry leaves a job whose key another has by now" {
	{ has_verb retry && can key; } || return 0
	feature 'retry'
	store 'push([{id: "a", key: "k"}]), claim({}),
		settle([{event: "failed", id: "a", n: 1, retry: false}]),
		push([{id: "b", key: "k"}]), call("retry"; {ids: ["a"]}), list({})'
	answered '.[4] == {event: "retry", id: "a", was: "failed", done: false,
			why: "key"}
		and .[5].state == "failed" and .[6].state == "pending"'
}

@test "store: nothing of a paused queue is claimed until it is resumed" {
	feature 'pause and resume'
	if ! has_verb pause; then
		refuses 'call("pause"; {queues: ["q"]})' pause
		refuses 'call("resume"; {queues: ["q"]})' resume
		return
	fi
	store 'push([{id: "a", queue: "q", priority: 9}, {id: "b"}]),
		call("pause"; {queues: ["q", "later"]}),
		call("pause"; {queues: ["q"]}), push([{id: "c", queue: "later"}]),
		claim({limit: 9}), list({by: "ready"}), claim({ids: ["a"]}),
		call("resume"; {queues: ["q", "nosuch"]}), claim({limit: 9})'
	answered '.[2:5] == [{event: "paused", queue: "q", done: true},
			{event: "paused", queue: "later", done: true},
			{event: "paused", queue: "q", done: false}]
		and (map(select(.lease).id) == ["b", "a"])
		and (map(select(.event == "resumed")) == [
			{event: "resumed", queue: "q", done: true},
			{event: "resumed", queue: "nosuch", done: false}])'
}

# --- events ------------------------------------------------------------------

# bats test_tags=smoke
@test "store: events are replayed once each, in order, from any cursor" {
	feature 'event log'
	if ! has_verb events; then
		refuses 'call("events"; {since: 0, limit: 9})' events
		return
	fi
	local line='{"event":"output","id":"a","epoch":1,"worker":"w1","n":2,'
	line+='"x":1e400,"text":"\u00e9\/\u0000" '
	local flow='flow: "f"'
	can flow || flow=
	jq -nr -L "$TOP/tests/support" 'include "requests";
		push([{id: "a"}, {id: "b", '"$flow"'}]), claim({limit: 2}),
		settle([{event: "started", id: "a", n: 1},
			{event: "started", id: "b", n: 1}])' >begun
	jq -nr --arg line "$line" -L "$TOP/tests/support" 'include "requests";
		settle([{event: "output", id: "a", n: 2, $line},
			{event: "output", id: "a", n: 2, $line}]),
		settle([{event: "output", id: "a", n: 2, $line},
			{event: "completed", id: "a", n: 3}]),
		settle([{event: "failed", id: "b", n: 2, retry_after_ms: 9000}])
	' >requests
	if settles_here; then
		cat begun requests | storecall "$JOBQ_URL" >settled
	else
		storecall "$JOBQ_URL" <begun >claimed
		storecall "$JOBQ_URL" <requests >settled
	fi
	store 'call("events"; {since: 0, limit: 100})'
	answered 'without_end | map(.event) == ["started", "started", "output",
			"completed", "failed"]
		and (map(.seq) | . == (unique | sort) and all(. > 0))
		and .[3].state == "completed" and .[4].state == "pending"
		and (.[4].run_at | ms > 0) and all(has("settled") | not)'
	same "$line" "$(sed -n '3s/,"seq":.*//p' <<<"$answers")"
	local seq
	seq=$(sed -n 2p <<<"$answers" | jq .seq)
	store "call(\"events\"; {since: $seq, limit: 100})"
	answered 'without_end | map(.event) == ["output", "completed", "failed"]'
	store 'call("events"; {ids: ["b", "nosuch"], since: 0, limit: 100})'
	answered 'without_end | map(.event, .id) == ["started", "b", "failed",
		"b"]'
	if [ -n "$flow" ]; then
		store 'call("events"; {flow: "f", since: 0, limit: 100})'
		answered 'without_end | map(.event, .id) == ["started", "b",
			"failed", "b"]'
	else
		refuses 'call("events"; {flow: "f", since: 0, limit: 9})' flow
	fi
	store 'call("events"; {since: -1, limit: 100})'
	answered 'without_end == []'
}

@test "store: events come in pages" {
	has_verb events || return 0
	feature 'event log'
	store 'push([{id: "a"}]), claim({}), settle([range(1; 6)
			| {event: "output", id: "a", n: .}]),
		call("events"; {since: 0, limit: 3})'
	answered '(.[7:10] | map(.n)) == [1, 2, 3] and .[10].event == "page"
		and .[10].after == .[9].seq and .[10].more != false
		and length == 11'
	local after
	after=$(tail -n 1 <<<"$answers" | jq .after)
	store "call(\"events\"; {since: $after, limit: 3})"
	answered 'without_end | map(.n) == [4, 5]'
}

@test "store: what the store itself does to a job is an event, too" {
	{ has_verb events && has_verb cancel; } || return 0
	feature 'event log'
	if ! can cancel; then
		store 'push([{id: "a"}, {id: "b"}]), call("cancel"; {ids: ["b"]}),
			claim({limit: 9}), call("events"; {since: 0, limit: 9})'
		answered '.[3:] | without_end | map(select(.event == "cancelled")
			| {event, id, epoch, worker, reason, state}) == [range(2)
			| {event: "cancelled", id: "b", epoch: 1, worker: "w1",
				reason: "cancel", state: "cancelled"}]'
		return
	fi
	store 'push([{id: "a"}, {id: "b"}]), call("cancel"; {ids: ["b"],
			reason: "late"}), claim({lease: 0.1})'
	wait_until 10 claims a
	store 'call("events"; {since: 0, limit: 9})'
	answered 'without_end | map({event, id, reason, state}) == [
		{event: "cancelled", id: "b", reason: "late", state: "cancelled"},
		{event: "released", id: "a", reason: "lost", state: "pending"}]
		and .[1].epoch == 1 and .[1].worker == "w1"'
}

@test "store: a replay from before what was pruned begins with a gap" {
	{ has_verb events && has_verb prune; } || return 0
	feature 'event log'
	store 'push([{id: "a"}, {id: "b"}]), claim({limit: 2}),
		settle([{event: "completed", id: "a", n: 1},
			{event: "started", id: "b", n: 1}]),
		call("prune"; {limit: 9, older_ms: 0}),
		call("events"; {since: 0, limit: 9})'
	answered 'without_end | .[-2].event == "gap" and .[-2].since == 0
		and .[-1].event == "started"'
	local until
	until=$(jq 'select(.event == "gap").until' <<<"$answers")
	store "call(\"events\"; {since: $until, limit: 9})"
	answered 'without_end | map(.event) == ["started"]'
}

# --- list and the rest -------------------------------------------------------

@test "store: a list can be narrowed by every member" {
	feature 'list'
	if ! can queues; then
		store 'push([{id: "a", max_attempts: 1, name: "m"}, {id: "b"},
				{id: "c"}]), claim({limit: 2}),
			settle([{event: "failed", id: "a", n: 1}])'"$(begun b)"
		store 'list({}), list({state: "pending"}),
			list({state: "running"}), list({by: "running"}),
			list({state: "failed"}), list({by: "failed"}),
			list({state: "completed"}), list({queues: ["x"]}),
			list({queues: ["x", "default"]}), list({name: "m"}),
			list({by: "ids", ids: ["c", "a", "nosuch"]}),
			list({by: "ids", ids: ["c", "b"], state: "running"}),
			list({by: "ready"})'
		answered 'map(.id) == ["a", "b", "c", "c", "b", "b", "a", "a",
			"a", "b", "c", "a", "a", "c", "b", "c"]'
		refuses 'list({by: "flow", flow: "f"})' flow
		return
	fi
	store 'push([{id: "a", queue: "x", name: "m"}, {id: "b", flow: "f"},
			{id: "c"}, {id: "d"}, {id: "e", max_attempts: 1}]),
		claim({ids: ["d"]}), claim({ids: ["e"]}),
		settle([{event: "failed", id: "e", n: 1}]),
		list({}), list({state: "pending"}), list({state: "running"}),
		list({by: "running"}), list({state: "failed"}),
		list({by: "failed"}), list({state: "completed"}),
		list({queues: ["x", "nosuch"]}), list({name: "m"}),
		list({by: "flow", flow: "f"}),
		list({by: "ids", ids: ["c", "a", "nosuch"]}),
		list({by: "ids", ids: ["c", "d"], state: "running"}),
		list({by: "ready", queues: ["default"]})'
	answered '.[8:] | map(.id) == ["a", "b", "c", "d", "e", "a", "b", "c",
		"d", "d", "e", "e", "a", "a", "b", "a", "c", "d", "b", "c"]'
}

@test "store: a list can be narrowed by age" {
	feature 'list by age'
	if ! can older; then
		store 'push([{id: "a"}])'
		refuses 'list({older_ms: 3600000})' older
		refuses 'list({stuck_ms: 3600000})' stuck
		return
	fi
	store 'push([{id: "a"}]), list({older_ms: 3600000}),
		list({stuck_ms: 3600000}), list({older_ms: 0})'
	answered 'map(.id) == ["a", "a"]'
}

@test "store: a list can be narrowed by key" {
	feature 'keys'
	if ! can key; then
		store 'push([{id: "a"}])'
		refuses 'list({key: "k"})' key
		return
	fi
	store 'push([{id: "a", key: "k"}, {id: "b", key: "l"}, {id: "c"}]),
		list({key: "k"})'
	answered '.[3:] | map(.id) == ["a"]'
}

@test "store: a list says who holds a job and how one ended" {
	feature 'list'
	store 'push([{id: "a"}, {id: "b"}]), claim({limit: 2}),
		settle([{event: "failed", id: "b", n: 1, retry: false,
			reason: "exit", error: "gone"}])'"$(begun a)"
	store 'list({})'
	answered '.[0].held.worker == "w1" and .[0].held.age >= 0
		and .[0].held.age < 60 and (.[0] | has("lease") | not)
		and (.[0].pushed_at | ms) <= (now * 1000 + 1000)
		and (.[1].ended | .reason == "exit" and .error == "gone"
		and (.at | ms > 0)) and (.[1] | has("held") | not)'
}

# bats test_tags=smoke
@test "store: a list comes in pages" {
	feature 'list'
	store 'push([range(5) | {id: "j\(.)"}]), claim({})'"$(begun j0)"
	store 'list({limit: 2}), list({by: "ready", limit: 2})'
	answered '(.[:2] | map(.id)) == ["j0", "j1"] and .[2].event == "page"
		and (.[3:5] | map(.id)) == ["j1", "j2"] and .[5].event == "page"'
	local all ready
	all=$(sed -n 3p <<<"$answers" | jq .after)
	ready=$(sed -n 6p <<<"$answers" | jq .after)
	store "list({limit: 2, after: $all}),
		list({by: \"ready\", limit: 2, after: $ready})"
	answered 'map(select(.id).id) == ["j2", "j3", "j3", "j4"]'
	all=$(sed -n 3p <<<"$answers" | jq .after)
	store "list({limit: 2, after: $all})"
	answered 'map(.id) == ["j4"]'
}

@test "store: what is ready comes in pages in the order of claims" {
	can priority || return 0
	feature 'list'
	store 'push([range(5) | {id: "j\(.)", priority: (. % 2)}]),
		list({by: "ready", limit: 2})'
	answered '(.[5:7] | map(.id)) == ["j1", "j3"] and .[7].event == "page"'
	local ready
	ready=$(tail -n 1 <<<"$answers" | jq .after)
	store "list({by: \"ready\", limit: 2, after: $ready})"
	answered 'map(select(.id).id) == ["j0", "j2"]'
	ready=$(tail -n 1 <<<"$answers" | jq .after)
	store "list({by: \"ready\", limit: 2, after: $ready})"
	answered 'map(.id) == ["j4"]'
}

@test "store: what is ready is listed in the order of claims" {
	can priority || return 0
	feature 'list'
	store 'push([{id: "a", priority: 1}, {id: "b", priority: 2},
			{id: "c", run_at_ms: (now * 1000 + 3600000 | floor)},
			{id: "d", queue: "q", priority: 2}, {id: "e"}]),
		claim({ids: ["e"]}), list({by: "ready"})'
	answered '.[6:] | map(.id) == ["b", "d", "a"]'
}

@test "store: an id can be found by its tail, and which tails are ambiguous" {
	feature 'list'
	store 'push([{id: "x-123456"}, {id: "y-123456"}, {id: "z-654321"}]),
		list({by: "tail", tail: "654321"}), list({by: "tail", tail: "y-123456"})'
	answered '.[3:] | map(.id) == ["z-654321", "y-123456"]'
	store 'list({by: "tail", tail: "123456", limit: 2})'
	answered 'map(.id // empty) == ["x-123456", "y-123456"]'
}

@test "store: an answer is at most some 4 MiB, whatever the limit" {
	feature 'list'
	store 'push([range(3) | {id: "j\(.)", input: ("x" * 900000)}]),
		push([range(3; 6) | {id: "j\(.)", input: ("x" * 900000)}])'
	store 'list({limit: 100})'
	answered '.[-1].event == "page" and length > 1 and length < 6'
	local after
	after=$(tail -n 1 <<<"$answers" | jq .after)
	store "list({limit: 100, after: $after})"
	answered '.[-1].id == "j5"'
	if settles_here; then
		# What has not come yet is asked for again.
		store 'range(50) | claim({limit: 100})'
		answered 'map(select(.lease).id) == [range(6) | "j\(.)"]
			and .[-1].event == "idle"'
		return
	fi
	store 'claim({limit: 100})'
	answered 'all(.lease) and length > 0 and length < 6'
	store 'claim({limit: 100})'
	answered '.[-2].id == "j5" and .[-1].event == "idle"'
}

@test "store: a list says why a job is not running" {
	feature 'the why-line'
	if ! can why; then
		store 'push([{id: "a"}]), list({why: true})'
		answered '.[1] | has("why") | not'
		return
	elif ! { can needs && can run_at && can queues; }; then
		refused= # the reasons that there are it tells
		store 'push([{id: "a", max_attempts: 1}, {id: "b"}, {id: "c"},
				{id: "d"}]), list({why: true}),
			claim({limit: 3}),
			settle([{event: "failed", id: "a", n: 1, reason: "exit"},
				{event: "failed", id: "b", n: 1}])'"$(begun c)"
		answered '.[4:8] | all(.why | contains("ready for"))'
		store 'list({why: true})'
		answered 'map(.why) | (.[0] | contains("exit"))
			and (.[1] | contains("attempt 1 of 5 failed"))
			and (.[2] | contains("on w1") and contains("silent for"))
			and (.[3] | contains("ready for"))'
		return
	fi
	store 'push([{id: "a", max_attempts: 1}, {id: "b", needs: ["a"]},
			{id: "c", run_at_ms: (now * 1000 + 3600000 | floor)},
			{id: "d"}, {id: "e"}, {id: "f", queue: "q"}]),
		claim({limit: 1}), claim({ids: ["d"]}),
		settle([{event: "failed", id: "a", n: 1, reason: "exit"}]),
		call("pause"; {queues: ["q"]}), list({why: true})'
	answered '.[-6:] | map(.why) | (.[0] | contains("exit"))
		and (.[1] | contains("needs a, which failed"))
		and (.[2] | contains("not before"))
		and (.[3] | contains("on w1") and contains("silent for"))
		and (.[4] | contains("ready for"))
		and (.[5] | contains("queue q paused since"))'
}

@test "store: stats count the jobs of each queue by state" {
	feature 'stats'
	if ! has_verb stats; then
		refuses 'call("stats"; {})' stats
		return
	elif ! { can needs && can run_at && can queues; }; then
		refused= # the counts are there all the same
		store 'push([{id: "a", max_attempts: 1}, {id: "c"}, {id: "d"},
				{id: "e"}, {id: "f"}, {id: "g"}]),
			claim({limit: 5}),
			settle([{event: "failed", id: "a", n: 1},
				{event: "failed", id: "c", n: 1},
				{event: "completed", id: "d", n: 1},
				{event: "cancelled", id: "e", n: 1}])'"$(begun f)"
		store 'call("stats"; {}), call("stats"; {queues: ["q"]})'
		answered 'length == 1 and (.[-1] | del(.oldest_ready,
			.claimed_at)) == {queue: "default", blocked: 0,
			scheduled: 1, ready: 1, running: 1, completed: 1,
			cancelled: 1, failed: 1}'
		answered '.[-1].oldest_ready >= 0 and .[-1].oldest_ready < 60'
		return
	fi
	store 'push([{id: "a", max_attempts: 1}, {id: "b", needs: ["a"]},
			{id: "c", run_at_ms: (now * 1000 + 3600000 | floor)},
			{id: "d"}, {id: "e"}, {id: "f"}, {id: "g"},
			{id: "h", queue: "q"}]),
		claim({ids: ["a", "d", "e", "f"], limit: 4}),
		settle([{event: "failed", id: "a", n: 1},
			{event: "completed", id: "d", n: 1},
			{event: "cancelled", id: "e", n: 1}]),
		call("stats"; {}), call("stats"; {queues: ["q"]})'
	answered '.[-3:] | map(del(.oldest_ready, .claimed_at)) == [
		{queue: "default", blocked: 1, scheduled: 1, ready: 1, running: 1,
			completed: 1, cancelled: 1, failed: 1},
		({queue: "q", blocked: 0, scheduled: 0, ready: 1, running: 0,
			completed: 0, cancelled: 0, failed: 0} | ., .)]'
	answered '.[-1].oldest_ready >= 0 and .[-1].oldest_ready < 60'
}

@test "store: prune deletes finished jobs, some at a time, or says which" {
	feature 'prune'
	if ! has_verb prune; then
		refuses 'call("prune"; {limit: 1})' prune
		return
	fi
	store 'push([{id: "a"}, {id: "b"}, {id: "c"}, {id: "d"}]),
		claim({limit: 3}), settle([{event: "completed", id: "a", n: 1},
			{event: "failed", id: "b", n: 1, retry: false}]),
		call("prune"; {limit: 9}), call("prune"; {limit: 9, older_ms: 60000}),
		call("prune"; {limit: 9, older_ms: 0, dry: true}),
		call("prune"; {limit: 1, older_ms: 0}),
		call("prune"; {limit: 9, older_ms: 0}), list({})'
	answered '.[9:] | map(select(.event != "page")) | map(.event // .id)
		== ["pruned", "pruned", "pruned", "pruned", "c", "d"]
		and (.[:2] | map(.id) | sort == ["a", "b"])
		and (.[2:4] | map(.id) | sort == ["a", "b"])'
}

@test "store: a dry run says what would be done, and does nothing" {
	{ has_verb prune && has_verb reap && has_verb pause; } || return 0
	feature 'dry runs'
	store 'push([{id: "a"}, {id: "b"}, {id: "c"}]),
		claim({limit: 2, lease: 0.1}), claim({}),
		settle([{event: "completed", id: "c", n: 1}]),
		call("pause"; {queues: ["default"], dry: 1}),
		call("resume"; {queues: ["default"], dry: 1}),
		call("prune"; {limit: 9, older_ms: 0, dry: 1}),
		list({by: "ids", ids: ["c"]})'
	answered '.[7] == {event: "paused", queue: "default", done: true}
		and .[8] == {event: "resumed", queue: "default", done: false}
		and .[9] == {event: "pruned", id: "c"} and .[-1].id == "c"'
	would_reap() {
		store 'call("reap"; {dry: 1})'
		answered 'length == 2'
	}
	wait_until 10 would_reap
	answered 'map(.event, .reason) == ["released", "lost", "released", "lost"]'
	store 'list({by: "running"}), list({by: "ready"})'
	answered 'map(.id) == ["a", "b"]'
}

@test "store: check reports on the store's health" {
	feature 'check'
	if ! has_verb check; then
		refuses 'call("check"; {})' check
		return
	fi
	store 'call("check"; {})'
	answered 'length > 0 and all(.ok and (.check | length > 0)
		and (.text | length > 0))'
}

# --- opening -----------------------------------------------------------------

# bats test_tags=smoke
@test "store: a store is made by those who may, and by nobody else" {
	local made=${JOBQ_URL#*:}
	made=${made%%\?*}
	[ -z "${JOBQ_TEST_URL-}" ] || return 0
	# A jobq-serve has made the store behind it when it listens.
	[[ $JOBQ_URL != http:* ]] || return 0
	# What a server keeps is no file: that nothing was made shows when the
	# store is still said not to be there.
	exists() {
		if [ -z "${store_server-}" ]; then
			[ -e "$made" ]
			return
		fi
		storecall -r "$JOBQ_URL" list <<<'{"by":"all"}' >/dev/null 2>&1
	}
	run_apart storecall -r "$JOBQ_URL" list <<<'{"by":"all"}'
	same 2 "$status"
	has "$stderr" 'config: '
	[ -n "${store_server-}" ] || has "$stderr" "$made"
	run_apart storecall -w "$JOBQ_URL" claim <<<'{"limit":1}'
	same 2 "$status"
	same 1 "${#stderr_lines[@]}"
	not exists
	store 'call("init"; {}), call("init"; {})'
	same '0 ' "$status $said"
	exists
	run_apart storecall -r "$JOBQ_URL" list <<<'{"by":"all"}'
	same '0 ' "$status $stdout"
}

@test "store: a push of nothing leaves a store behind" {
	run_apart jobq-push </dev/null
	same '0 ' "$status $stdout$stderr"
	run_apart jobq-list
	same '0 ' "$status $stdout$stderr"
}

@test "store: a claim of nothing leaves a store behind" {
	if settles_here; then
		run_apart jobq-claim </dev/null
		same '2 ' "$status $stdout"
		has "$stderr" 'use the ring'
		run_apart jobq-work --until-empty -- false
		same '0 ' "$status $stdout$stderr"
	else
		run_apart jobq-claim </dev/null
		same '1 ' "$status $stdout$stderr"
	fi
	run_apart jobq-list
	same '0 ' "$status $stdout$stderr"
}

@test "store: what one process wrote another reads" {
	store 'push([{id: "a"}])'
	store 'claim({})'"$(begun a)"
	answered '.[0].id == "a"'
	run_apart storecall -r "$JOBQ_URL" list <<<'{"by":"running"}'
	same 1 "${#lines[@]}"
}

# --- through the commands ----------------------------------------------------

@test "store: push, list, claim and report hand lines on byte for byte" {
	local text out id worker result
	feature 'lines are kept byte for byte'
	text='"n":9007199254740993,"z":1.10,"input":[1e400,-0,"\u00e9\/é"],'
	text+='"a":{"z":1,"b":"\u0000\ud800"},"meta":{ }'
	result='[1e400,1.10,"\u0000\ud800"]'
	printf '{%s}\n' "$text" | jobq-push >pushed
	jobq-list >listed
	jobq-poll >polled
	if settles_here; then
		RESULT=$result timeout 60 jobq-work --until-empty --stdin job \
			-- sh -c 'cat >claimed; printf %s "$RESULT"'
	else
		jobq-claim -n 1 >claimed
	fi
	for out in pushed listed polled claimed; do
		has "$(<"$out")" "$text"
		same 1 "$(wc -l <"$out")"
	done
	if settles_here; then
		jobq-watch --no-follow --json >events
		has "$(<events)" "\"output\":$result"
		return
	fi
	# jq 1.6 does not take the lone surrogate.
	id=$(grep -oP '"id":"\K[^"]+' claimed)
	worker=$(grep -oP '"worker":"\K[^"]+' claimed)
	text="{\"event\":\"completed\",\"id\":\"$id\",\"epoch\":1,"
	text+="\"worker\":\"$worker\",\"n\":1,\"output\":$result,"
	text+='"x":{"b":9007199254740993,"a":"\u00e9\/"}'
	printf '%s}\n' "$text" | jobq-report >settled
	same "$text,\"settled\":true,\"state\":\"completed\"}" "$(<settled)"
}

# bats test_tags=smoke
@test "store: jobs run through the plain pipeline, once each" {
	seq 8 | jq -c '{input: .}' | jobq-push >pushed
	# One fails for good, the others complete.
	local run='read -r n; echo "$n" >>effects; [ "$n" != 5 ] || exit 65'
	if settles_here; then
		run_apart jobq-claim -n 8
		same '2 ' "$status $stdout"
		has "$stderr" 'use the ring'
		run_apart timeout 60 jobq-work --until-empty -j 2 -- \
			sh -c "$run"
		same '1 ' "$status $stdout"
		run_apart jobq-report <<<'{"event":"completed","id":"a","epoch":1}'
		same '2 ' "$status $stdout"
		has "$stderr" 'use the ring'
	else
		jobq-claim -n 8 | timeout 60 jobq-run -j 2 -- sh -c "$run" |
			jobq-report >settled || true
		same 7 "$(grep -c '"settled":true,"state":"completed"' settled)"
		same 1 "$(grep -c '"settled":true,"state":"failed"' settled)"
	fi
	same "$(seq 8)" "$(sort -n effects)"
	same 7 "$(jobq-list --state completed | wc -l)"
	same 5 "$(jobq-list --state failed | jq .input)"
	! settles_here || return 0
	run_apart jobq-claim -n 1
	same '1 ' "$status $stdout$stderr"
}

@test "store: what a filter picks is claimed, and nothing that is gone" {
	seq 5 | jq -c '{input: .}' | jobq-push >pushed
	if settles_here; then
		jobq-poll | jq -c 'select(.input > 3)' >picked
		same 2 "$(wc -l <picked)"
		run_apart jobq-claim <picked
		same '2 ' "$status $stdout"
		has "$stderr" 'use the ring'
		same 5 "$(jobq-poll | wc -l)"
		return
	elif ! can ids; then
		jobq-poll | jq -c 'select(.input > 3)' >picked
		run_apart jobq-claim <picked
		same '2 ' "$status $stdout"
		has "$stderr" 'ids: '
		jobq-claim -n 3 >claimed
		run_apart jobq-claim <picked
		same '0 4 5' "$status $(jq -r .input <<<"$stdout" |
			paste -sd ' ')"
		run_apart jobq-claim <picked
		same '1 ' "$status $stdout"
		return
	fi
	jobq-poll | jq -c 'select(.input > 3)' >picked
	run_apart jobq-claim <picked
	same 0 "$status"
	same '4 5' "$(jq -r .input <<<"$stdout" | paste -sd ' ')"
	run_apart jobq-claim <picked
	same '1 ' "$status $stdout"
	same 3 "$(jobq-poll | wc -l)"
}

@test "store: a follower finds what is pushed later, by polling at least" {
	if settles_here; then
		run_apart timeout 20 jobq-claim --follow
		same '2 ' "$status $stdout"
		has "$stderr" 'use the ring'
		spawn jobq-work --interval 0.2 -- cat
		jobq-push --name x --input 7 >pushed
		completed() { [ -n "$(jobq-list --state completed)" ]; }
		wait_until 20 completed
		return
	fi
	follow() {
		jobq-claim --follow --interval 0.2 | jobq-run -- cat |
			jobq-report >settled
	}
	jobq-push </dev/null
	spawn follow
	jobq-push --name x --input 7 >pushed
	wait_until 20 grep -q '"settled":true,"state":"completed"' settled
}

@test "store: commands name the verb that a store does not have" {
	local verb command
	jobq-push --name x >pushed
	while read -r verb command; do
		# shellcheck disable=SC2086 # a command and its options
		run_apart timeout 20 $command </dev/null
		if has_verb "$verb"; then
			same "0 $command" "$status $command"
			continue
		fi
		same "2 $command " "$status $command $stdout"
		same 1 "${#stderr_lines[@]}"
		has "$stderr" "does not have the verb '$verb'"
	done <<-'EOT'
		stats jobq-list --stats
		events jobq-watch --no-follow
		reap jobq-admin reap
		prune jobq-admin prune
		pause jobq-admin pause q
		resume jobq-admin resume q
	EOT
}
