#!/usr/bin/env bats
# Stages are killed beside a Redis that is killed.

load ../support/redis

# It has a server of its own.
setup_file() { :; }
teardown_file() { :; }
setup() {
	common_setup
	REDIS_MISSING=$(redis_missing) || return 0
	skip "$REDIS_MISSING"
}
teardown() { common_teardown; }

@test "redis: P1, P5 fifty kills of stages and five of the server lose nothing" {
	run_apart timeout -k 5 280 "$TOP/tests/chaos/kill-run" \
		--store redis --stops 5 --kills 50 --jobs 2000 --lease 2
	echo "$stderr"
	echo "$stdout"
	same 0 "$status"
	json '.attempts == 2000 and .kills >= 50 and .lost == 0 and
		.unexpected == 0 and .duplicates <= .bound' <<<"${lines[-1]}"
}

@test "redis: P5 five kills of the server lose nothing, and end no process" {
	run_apart timeout -k 5 240 "$TOP/tests/chaos/kill-run" \
		--store redis --stops 5 --kills 0 --jobs 300 --lease 3
	echo "$stderr"
	echo "$stdout"
	same 0 "$status"
	json '.acknowledged == 300 and .outcomes == {completed: 300}
		and .lost == 0 and .unexpected == 0' <<<"${lines[-1]}"
}

@test "streams: P5 five kills of the server lose nothing, and end no process" {
	run_apart timeout -k 5 240 "$TOP/tests/chaos/kill-run" \
		--store redis-streams --stops 5 --kills 0 --jobs 300 --lease 3
	echo "$stderr"
	echo "$stdout"
	same 0 "$status"
	json '.acknowledged == 300 and .outcomes == {completed: 300}
		and .lost == 0 and .unexpected == 0' <<<"${lines[-1]}"
}
