#!/usr/bin/env bats
# Stages are killed beside a PostgreSQL that is stopped without a checkpoint.

load ../support/postgresql
load ../support/kills

# It has a server of its own.
setup_file() { :; }
teardown_file() { :; }
setup() {
	common_setup
	PG_MISSING=$("$TOP/tests/support/servers/postgresql" missing) || PG_MISSING=
	[ -z "$PG_MISSING" ] || skip "$PG_MISSING"
}

@test "postgresql: P1, P5 fifty kills and five stops of the server lose nothing" {
	stages_killed postgresql
}

@test "postgresql: P5 five stops of the server lose nothing, and end no process" {
	server_killed postgresql
}
