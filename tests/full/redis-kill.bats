#!/usr/bin/env bats
# Stages are killed beside a Redis that is killed.

load ../support/redis
load ../support/kills

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
	stages_killed redis
}

@test "redis: P5 five kills of the server lose nothing, and end no process" {
	server_killed redis
}

@test "streams: P5 five kills of the server lose nothing, and end no process" {
	server_killed redis-streams
}
