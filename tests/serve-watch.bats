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

@test "serve: a watcher of events that is far behind is told of the gap, and gets it with since" {
	local slow fast gap since until
	serve --listen unix:serve
	at=${at%%$'\n'*}
	id=$(submit)
	# A unix socket takes little of what nobody reads: 200 KiB.
	at=unix:serve watch slow "/tasks/$id/watch?format=json" --until go
	slow=$spawned_pid
	stands() { kill -USR1 "$server"; grep -q ' 1 streams and' serve.err; }
	wait_until 10 stands
	watch fast "/tasks/$id/watch?format=json"
	fast=$spawned_pid
	many 6000 1000 >events
	shown_to() { [ "$(wc -l <fast)" -ge "$1" ]; }
	# Both follow what happens; then what the slow one has not taken is more
	# than its socket holds and less than the server keeps; then far more.
	for range in '1' '2,10' '11,220' '221,$'; do
		sed -n "$range p" events >some
		jobq-report -q <some >/dev/null
		wait_until 20 shown_to "$(tail -n 1 some | jq .n)"
	done
	wait "$fast"
	touch go
	wait "$slow"
	same 'close 1000' "$(tail -n 1 slow)"
	sed -i '$d' slow fast
	gap=$(grep '"event":"gap"' slow)
	json --arg id "$id" '. == {event: "gap", gap: true, id: $id,
		from: .since, since, until} and .until > .since' <<<"$gap"
	since=$(jq .since <<<"$gap") until=$(jq .until <<<"$gap")
	# What came before it and what comes behind it has no hole, it has one.
	same "$(jq -c "select(.seq <= $since or .seq > $until)" fast)" \
		"$(grep -v '"event":"gap"' slow | jq -c .)"
	same "$(jq -c .seq < <(sed '/"event":"gap"/,$ d' slow) | tail -n 1)" \
		"$since"
	jq ".seq | select(. > $since and . <= $until)" fast >missed
	(($(wc -l <missed) > 4096))
	has "$(curl -s "http://$at/metrics")" \
		"jobq_watcher_dropped_events_total $(wc -l <missed)"
	same "$(jq -c "select(.seq > $since)" fast)" \
		"$("$ws" "$at" "/tasks/$id/watch?format=json&since=$since" |
			grep -v '^close' | jq -c .)"
}
