#!/usr/bin/env bats
# Watchers whose store is away, and who have fallen far behind.
# bats file_tags=server

load support/common
load support/tasks

# state_is STATE: of the task $id, in the store itself.
state_is() {
	jobq-list "$id" | json --arg state "$1" '.state == $state'
}

# stands N: whether as many watchers have come to the server.
stands() {
	kill -USR1 "$server"
	grep -q " $1 streams and" serve.err
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
	wait_until 20 stands 1
	slay "$store"
	# What is asked and answered is told of: 503, and nothing is to follow.
	ask DELETE "/tasks/$id" '' -D headers | json -s '.[0].code == "again"
		and .[0].status == 503 and .[1] == 503'
	has "$(<headers)" 'Retry-After: 1'
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

# line_of SEQ: which line of fast that event is.
line_of() {
	grep -n "\"seq\":$1}" fast | cut -d : -f 1
}

@test "serve: a watcher of events that is far behind is told of the gap, and gets it with since" {
	local slow fast gap since until
	serve --listen "unix:$PWD/socket"
	at=${at%%$'\n'*}
	id=$(submit)
	# A unix socket takes little of what nobody reads: 200 KiB.
	at=unix:$PWD/socket watch slow "/tasks/$id/watch?format=json" --until go
	slow=$spawned_pid
	wait_until 20 stands 1
	watch fast "/tasks/$id/watch?format=json"
	fast=$spawned_pid
	many 5200 500 >events
	shown_to() { [ "$(wc -l <fast)" -ge "$1" ]; }
	# Both follow what happens; then what the slow one has not taken is more
	# than its socket holds and less than the server keeps; then far more.
	for range in 1,1 2,10 11,230 '231,$'; do
		sed -n "$range p" events >some
		jobq-report -q <some >settled
		wait_until 20 shown_to "$(tail -n 1 some | jq .n)"
	done
	wait "$fast"
	touch go
	wait "$slow"
	same 'close 1000' "$(tail -n 1 slow)"
	sed -i '$d' slow fast
	same 5202 "$(wc -l <fast)"
	gap=$(grep '"event":"gap"' slow)
	json --arg id "$id" '. == {event: "gap", gap: true, id: $id,
		from: .since, since, until}' <<<"$gap"
	since=$(line_of "$(jq .since <<<"$gap")")
	until=$(line_of "$(jq .until <<<"$gap")")
	((until - since > 4096))
	# It stands where events are missing, and there are no more of them.
	echo "$gap" >gap
	sed -e "$((since + 1)),$until d" -e "$since r gap" fast | cmp - slow
	curl -s "http://$at/metrics" >metrics
	grep -x "jobq_watcher_dropped_events_total $((until - since))" metrics
	"$ws" "$at" "/tasks/$id/watch?format=json&since=$(jq .since gap)" >rest
	sed "1,$since d" fast | cmp - <(sed '$d' rest)
}
