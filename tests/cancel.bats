#!/usr/bin/env bats

load support/common
load support/jobs

@test "cancel: calls off a job that waits, says so and prints the answer" {
	push a
	run_apart jobq-cancel a
	same 0 "$status"
	same "jobq-cancel: cancelled job a (was pending)" "$stderr"
	json '. == {event: "cancel", id: "a", was: "pending", done: true}' \
		<<<"$stdout"
	state_is a cancelled
}

@test "cancel: calls off a blocked job" {
	push a
	push b '{"needs":["a"]}'
	run_apart jobq-cancel b
	same 0 "$status"
	same "jobq-cancel: cancelled job b (was blocked)" "$stderr"
	state_is b cancelled
}

@test "cancel: asks a running job's worker to stop, and says which" {
	push a
	claim a
	worker=$(jq -r .lease.worker claimed)
	run_apart jobq-cancel a
	same 0 "$status"
	same "jobq-cancel: asked job a to stop (running on $worker)" "$stderr"
	state_is a running
	jobq-list a | json '.held.cancel == "cancel"'
	run_apart jobq-cancel a
	same 0 "$status"
	same "jobq-cancel: job a was asked to stop before (running on $worker)" \
		"$stderr"
}

@test "cancel: again is no failure" {
	push a
	jobq-cancel a >/dev/null 2>&1
	run_apart jobq-cancel a
	same 0 "$status"
	same "jobq-cancel: job a is cancelled already" "$stderr"
}

@test "cancel: what has ended, or is unknown, exits 1; the others are done" {
	push a
	complete a
	push b
	fail b
	push c
	run_apart jobq-cancel a nosuch b c
	same 1 "$status"
	same "jobq-cancel: no job nosuch
jobq-cancel: job a is completed already
jobq-cancel: job b has failed already
jobq-cancel: cancelled job c (was pending)" "$stderr"
	state_is c cancelled
}

@test "cancel: the reason is kept with the job and in its event" {
	push a
	jobq-cancel --reason 'wrong "file"' a >/dev/null 2>&1
	jobq-list a | json '.ended.reason == "wrong \"file\""
		and .why == "cancelled (wrong \"file\")"'
	jobq-watch --no-follow a | json '.event == "cancelled"
		and .reason == "wrong \"file\""'
}

@test "cancel: takes ids and lines from standard input" {
	push a
	push b
	push c
	push d
	run_apart jobq-cancel <<<'a
	 b
{"event":"started","id":"c"}
{"id":"d","name":"x","state":"pending"}'
	same 0 "$status"
	same 4 "$(jobq-list --state cancelled | wc -l)"
	push e
	run_apart jobq-cancel - <<<e
	same 0 "$status"
	state_is e cancelled
}

@test "cancel: takes what jobq-list prints, more than go into a request" {
	seq 1100 | jobq-lines | jobq-push >/dev/null
	jobq-list --state pending >listed
	jobq-cancel -vv <listed >answers 2>said
	sed -n 's/.*: cancel took .* ms, \([0-9]*\) lines$/\1/p' said >sizes
	same 1100 "$(awk '{ n += $1 } END { print n }' sizes)"
	same "" "$(awk '$1 > 500' sizes)"
	same 1100 "$(wc -l <answers)"
	same 1100 "$(jobq-list --state cancelled | wc -l)"
}

@test "cancel: does not wait for more input than there is" {
	push a
	mkfifo in
	spawn timeout 20 bash -c 'exec jobq-cancel <in >out'
	exec 5>in
	echo a >&5
	wait_until 10 state_is a cancelled
	wait_until 10 grep -q cancel out
	exec 5>&-
	wait_until 10 gone "$spawned_pid"
}

@test "cancel: an unknown id of standard input is told, too" {
	push a
	run_apart jobq-cancel <<<$'nosuch\na'
	same 1 "$status"
	has "$stderr" "jobq-cancel: no job nosuch" "cancelled job a"
}

@test "cancel: bad lines are told by number and skipped; --strict stops" {
	push a
	run_apart jobq-cancel <<<$'{"event":"alive"}\na b\n{"id":5}\na'
	same 2 "$status"
	same "jobq-cancel: stdin:1: the line has no \"id\"
jobq-cancel: stdin:2: neither the id of a job nor a JSON object
jobq-cancel: stdin:3: its \"id\" is not the id of a job
jobq-cancel: cancelled job a (was pending)" "$stderr"
	push b
	run_apart jobq-cancel --strict <<<$'a b\nb'
	same 2 "$status"
	state_is b pending
}

@test "cancel: nothing on standard input is nothing to do" {
	push a
	run_apart jobq-cancel </dev/null
	same 0 "$status"
	same "" "$stdout$stderr"
	state_is a pending
}

@test "cancel: --dry-run says what would be done and changes nothing" {
	push a
	push b
	claim b
	push c
	complete c
	run_apart jobq-cancel --dry-run a b c <<<''
	same 1 "$status"
	same "jobq-cancel: would cancel job a (it is pending)
jobq-cancel: would ask job b to stop (it is running)
jobq-cancel: job c is completed already" "$stderr"
	json -s 'map([.id, .was, .done, .dry]) == [["a", "pending", false, true],
		["b", "running", false, true], ["c", "completed", false, true]]' \
		<<<"$stdout"
	state_is a pending
	jobq-list b | json '.held | has("cancel") | not'
	run_apart jobq-cancel --dry-run <<<nosuch
	same 1 "$status"
	same "jobq-cancel: no job nosuch" "$stderr"
}

@test "cancel: a terminal gets no lines" {
	push a
	same "jobq-cancel: cancelled job a (was pending)" \
		"$(terminal 'jobq-cancel a')"
}

@test "cancel: more than 100 jobs at a terminal want --yes" {
	seq 101 | jobq-lines | jobq-push | jq -r .id >ids
	run terminal 'jobq-cancel <ids >/dev/null'
	same 2 "$status"
	has "$output" "more than 100 jobs are meant; add --yes to cancel them"
	same 0 "$(jobq-list --state cancelled | wc -l)"
	terminal 'head -n 100 ids | jobq-cancel >/dev/null'
	same 100 "$(jobq-list --state cancelled | wc -l)"
	terminal 'jobq-cancel --yes <ids >/dev/null'
	same 101 "$(jobq-list --state cancelled | wc -l)"
}

@test "cancel: more than 100 operands at a terminal are asked about" {
	# shellcheck disable=SC2016 # for the shell in the terminal
	local call='jobq-cancel $(cat ids) >/dev/null'
	seq 101 | jobq-lines | jobq-push | jq -r .id >ids
	run terminal "$call" <<<no
	same 1 "$status"
	has "$output" "cancel 101 jobs? Type yes to go on:"
	same 0 "$(jobq-list --state cancelled | wc -l)"
	run terminal "${call/ / --no-input }"
	same 2 "$status"
	same 0 "$(jobq-list --state cancelled | wc -l)"
	run terminal "$call" <<<yes
	same 0 "$status"
	same 101 "$(jobq-list --state cancelled | wc -l)"
}

@test "cancel: the end of an id stands for it when it is no other's" {
	push 0199-aaaa11111111
	push 0199-bbbb11111111
	run_apart jobq-cancel 11111111
	same 1 "$status"
	has "$stderr" "several ids"
	same 0 "$(jobq-list --state cancelled | wc -l)"
	jobq-cancel bb11111111 >/dev/null 2>&1
	state_is 0199-bbbb11111111 cancelled
	state_is 0199-aaaa11111111 pending
}

@test "cancel: -q says only what went wrong" {
	push a
	run_apart jobq-cancel -q a nosuch
	same 1 "$status"
	same "jobq-cancel: no job nosuch" "$stderr"
}

@test "cancel: without a store, and of one that cannot, says so" {
	run_apart jobq-cancel a
	same 2 "$status"
	has "$stderr" "q.db"
	[ ! -e q.db ]
	run_apart jobq-cancel -S fail:again <<<a
	same 75 "$status"
	run_apart jobq-cancel -S fail:unsupported <<<a
	same 2 "$status"
}
