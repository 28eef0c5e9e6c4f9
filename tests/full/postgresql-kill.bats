#!/usr/bin/env bats
# Stages are killed beside a PostgreSQL that is stopped without a checkpoint.

load ../support/postgresql

# It has a server of its own.
setup_file() { :; }
teardown_file() { :; }
setup() {
	common_setup
	PG_MISSING=$("$TOP/tests/support/servers/postgresql" missing) || PG_MISSING=
	[ -z "$PG_MISSING" ] || skip "$PG_MISSING"
}

@test "postgresql: P1, P5 fifty kills and five stops of the server lose nothing" {
	run_apart timeout -k 5 280 "$TOP/tests/chaos/kill-run" \
		--store postgresql --stops 5 --kills 50 --jobs 2000 --lease 2
	echo "$stderr"
	echo "$stdout"
	same 0 "$status"
	json '.attempts == 2000 and .kills >= 50 and .lost == 0 and
		.unexpected == 0 and .duplicates <= .bound' <<<"${lines[-1]}"
}

@test "postgresql: P5 five stops of the server lose nothing, and end no process" {
	run_apart timeout -k 5 240 "$TOP/tests/chaos/kill-run" \
		--store postgresql --stops 5 --kills 0 --jobs 300 --lease 3
	echo "$stderr"
	echo "$stdout"
	same 0 "$status"
	json '.acknowledged == 300 and .outcomes == {completed: 300}
		and .lost == 0 and .unexpected == 0' <<<"${lines[-1]}"
}
