#!/usr/bin/env bats
# Watchers whose store is away, and who have fallen far behind.
# bats file_tags=server

load support/common
load support/tasks

# state_is STATE: of the task $id, in the store itself.
state_is() {
	jobq-list "$id" | json --arg state "$1" '.state == $state'
}

@test "serve: a STOP while the store is away stops the task when it is back, and DELETE says so" {
	jobq --version | grep -q '^driver http:' ||
		skip "this build has no driver 'http'"
	local store_at store front watcher
	# The store is another server, which is killed.
	serve
	store_at=$at store=$server
	id=$(submit)
	serve --store "http://$store_at"
	front=$at
	watch one "/tasks/$id/watch" --until go --send STOP
	watcher=$spawned_pid
	stands() { kill -USR1 "$server"; grep -q ' 1 streams and' serve.err; }
	wait_until 10 stands
	slay "$store"
	# What is asked and answered is told of: 503, and nothing is to follow.
	ask DELETE "/tasks/$id" '' -D head | json -s '.[0].code == "again"
		and .[0].status == 503 and .[1] == 503'
	has "$(<head)" 'Retry-After: 1'
	# Who has said STOP is not waited for any more.
	"$ws" "$at" "/tasks/$id/watch" >other
	same 'status 503' "$(<other)"
	touch go
	failed() {
		curl -s "http://$front/metrics" | grep -E \
			'^jobq_store_errors_total\{.*verb="cancel".*\} ([2-9]|[1-9][0-9])'
	}
	wait_until 20 failed
	kill "$watcher"
	state_is pending
	at=$store_at serve_again
	wait_until 20 state_is cancelled
	jobq-watch "$id" --json | json -s '.[-1].event == "cancelled"
		and .[-1].reason == "stopped by a watcher"'
	# A DELETE that is repeated is answered by then.
	at=$front
	same "{\"task_id\":\"$id\",\"status\":\"stopped\"}
200" "$(ask DELETE "/tasks/$id")"
}
