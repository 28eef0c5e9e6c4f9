#!/usr/bin/env bats

load support/common
load support/jobs

@test "retry: a failed job runs again from the first attempt" {
	push a
	fail a
	run_apart jobq-retry a
	same 0 "$status"
	same "jobq-retry: retried job a (was failed)" "$stderr"
	json '. == {event: "retry", id: "a", was: "failed", done: true}' \
		<<<"$stdout"
	jobq-list a | json '.state == "pending" and .attempt == 0'
	complete a
	state_is a completed
}

@test "retry: a cancelled job runs again" {
	push a
	jobq-cancel a >/dev/null 2>&1
	run_apart jobq-retry a
	same 0 "$status"
	same "jobq-retry: retried job a (was cancelled)" "$stderr"
	state_is a pending
}

@test "retry: what waits out a backoff, or for its time, is due at once" {
	push a '{"run_at":"2100-01-01T00:00:00Z"}'
	push b
	claim b
	settle '{"event":"started"}' '{"event":"failed","reason":"exit","exit":1}' ||
		[ $? = 1 ]
	state_is b pending
	same "" "$(jobq-poll)"
	run_apart jobq-retry a b
	same 0 "$status"
	same "jobq-retry: job a is due at once (was pending)
jobq-retry: job b is due at once (was pending)" "$stderr"
	same $'a\nb' "$(jobq-poll | jq -r .id)"
	jobq-list b | json '.attempt == 1'
}

@test "retry: a running job is left alone, and that is no failure" {
	push a
	claim a
	run_apart jobq-retry a
	same 0 "$status"
	same "jobq-retry: job a is running already" "$stderr"
	jobq-list a | json '.state == "running" and .attempt == 1'
}

@test "retry: what cannot be retried exits 1; the others are done" {
	push a
	complete a
	push b '{"needs":["c"]}'
	push d
	fail d
	run_apart jobq-retry a b nosuch d
	same 1 "$status"
	same "jobq-retry: no job nosuch
jobq-retry: job a is completed already
jobq-retry: job b is blocked; what it needs must complete first
jobq-retry: retried job d (was failed)" "$stderr"
	state_is a completed
	state_is b blocked
	state_is d pending
}

@test "retry: not while another unfinished job has its key" {
	push a '{"key":"k"}'
	fail a
	push b '{"key":"k"}'
	run_apart jobq-retry a
	same 1 "$status"
	same "jobq-retry: job a (failed): an unfinished job of its queue has the same key" \
		"$stderr"
	state_is a failed
	complete b
	jobq-retry a 2>/dev/null
	state_is a pending
}

@test "retry: takes what jobq-list prints" {
	push a
	push b
	push c
	fail a b
	run_apart bash -c 'jobq-list --state failed | jobq-retry'
	same 0 "$status"
	same "jobq-retry: retried job a (was failed)
jobq-retry: retried job b (was failed)" "$stderr"
	same 3 "$(jobq-list --state pending | wc -l)"
}

@test "retry: --dry-run says what would be done and changes nothing" {
	push a
	fail a
	push b
	push c
	complete c
	run_apart jobq-retry --dry-run a b c
	same 1 "$status"
	same "jobq-retry: would retry job a (it is failed)
jobq-retry: would make job b due at once (it is pending)
jobq-retry: job c is completed already" "$stderr"
	json -s 'map(.dry) == [true, true, true]' <<<"$stdout"
	state_is a failed
}

@test "retry: more than 100 jobs at a terminal want --yes" {
	seq 101 | jobq-lines | jobq-push | jq -r .id >ids
	jobq-cancel <ids >/dev/null 2>&1
	run terminal 'jobq-retry <ids >/dev/null'
	same 2 "$status"
	has "$output" "more than 100 jobs are meant; add --yes to retry them"
	same 101 "$(jobq-list --state cancelled | wc -l)"
	terminal 'jobq-retry --yes <ids >/dev/null'
	same 101 "$(jobq-list --state pending | wc -l)"
}

@test "retry: without a store, and of one that cannot, says so" {
	run_apart jobq-retry a
	same 2 "$status"
	has "$stderr" "q.db"
	run_apart jobq-retry -S fail:again <<<a
	same 75 "$status"
}
