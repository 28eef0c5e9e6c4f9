#!/usr/bin/env bats
# Tasks and their watchers: jobq-serve as a task service.
# bats file_tags=server

load support/common
load support/tasks

uuid='^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'

@test "serve: who opens and closes the store beside it takes none of its locks" {
	serve
	id=$(submit)
	# The server has several connections to the store then.
	for _ in 1 2 3 4 5 6; do
		ask GET "/tasks/$id" >>answers &
		local asked+=($!)
	done
	wait "${asked[@]}"
	jobq-push --name other >/dev/null
	[ -e q.db-wal ]
	submit >id
	jobq-list "$(cat id)" | json '.state == "pending"'
	lacks "$(ls -l "/proc/$server/fd")" 'q.db-wal (deleted)'
}

# bats test_tags=smoke
@test "serve: a task that is accepted is on disk, and what is no task is told why" {
	local fault='{"detail":[{"type":' string='Input should be a valid string'
	serve
	run_apart ask POST /tasks '{"project":"default","type":"seed-db",
		"params":{"reset":true,"n":9007199254740993},"other":1}'
	slay
	same 200 "${lines[1]}"
	id=$(jq -r .task_id <<<"${lines[0]}")
	[[ $id =~ $uuid ]]
	same "{\"task_id\":\"$id\",\"status\":\"queued\"}" "${lines[0]}"
	jobq-list "$id" | json --arg id "$id" '.name == "seed-db" and .input
		== {task_id: $id, project: "default", type: "seed-db",
			params: {reset: true, n: 9007199254740993}}'
	serve_again
	same "{\"task_id\":\"$id\",\"project\":\"default\",\"type\":\"seed-db\",\
\"status\":\"queued\",\"error\":null,\"last_update\":null,\"exit\":null}
200" "$(ask GET "/tasks/$id")"
	while IFS=$'\t' read -r body expected; do
		same "$expected
422" "$(ask POST /tasks "$body")"
	done <<-LIST
		{"project":5,"params":{}}	$fault"string_type","loc":["body","project"],"msg":"$string","input":5},{"type":"missing","loc":["body","type"],"msg":"Field required","input":{"project":5,"params":{}}}]}
		{"project":"p","type":"t","params":[],"command":5}	$fault"string_type","loc":["body","command"],"msg":"$string","input":5},{"type":"dict_type","loc":["body","params"],"msg":"Input should be a valid dictionary","input":[]}]}
		[]	$fault"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":[]}]}
	LIST
	for body in '{x' '{"project":"p"} {}'; do
		ask POST /tasks "$body" | json -s '.[1] == 422 and (.[0].detail[0]
			| .type == "json_invalid" and .loc[0] == "body"
			and .msg == "JSON decode error")'
	done
	ask POST /tasks '{"project":"p","type":"t","command":null,"params":{}}' |
		json -s '.[1] == 200'
	ask GET /tasks/nosuch | json -s '.[1] == 404'
	jobq-list --stats | json -s 'length > 0'
	same 2 "$(jobq-list | wc -l)"
}

# bats test_tags=smoke
@test "serve: watchers see the frames of a task, early, late, and from a cursor" {
	cat >frames <<-'LIST'
		Starting...
		Step 1 done
		DONE
		Schritt 2 – fertig

		last
		DONE
		close 1000
	LIST
	serve
	id=$(submit)
	watch early "/tasks/$id/watch"
	local early=$spawned_pid
	watch json "/tasks/$id/watch?format=json"
	local json=$spawned_pid
	spawn curl -sN -m 20 "http://$at/tasks/$id/events" >sse
	local sse=$spawned_pid
	work sh -c 'echo "  Step 1 done	"; echo DONE; echo never >&2
		until [ -e go ]; do sleep 0.05; done
		printf "Schritt 2 – fertig\n\n last "'
	wait_until 10 shown early DONE
	not shown early 'Schritt 2 – fertig'
	same '"running"' "$(task .status)"
	# One who comes in the middle gets what was, and then what comes.
	watch late "/tasks/$id/watch"
	local late=$spawned_pid
	wait_until 10 shown late DONE
	touch go
	wait "$early" "$late" "$json" "$sse"
	"$ws" "$at" "/tasks/$id/watch" >after
	for file in early late after; do
		same "$(<frames)" "$(<$file)"
	done
	same "$(head -n 7 frames)" "$(sed -n 's/^data: //p' sse)"
	same '"done" "last" 0 null' \
		"$(task '.status, .last_update, .exit, .error' | tr '\n' ' ' |
			sed 's/ $//')"
	grep -v '^close' json | json -s '
		([.[].event] | .[0] == "started" and .[-1] == "completed")
		and ([.[].seq] | . == (unique))'
	# Each cursor there is: what follows it, and no more.
	while read -r seq; do
		same "$(jq -c "objects | select(.seq > $seq)" <(grep -v close json))" \
			"$("$ws" "$at" "/tasks/$id/watch?format=json&since=$seq" |
				grep -v close | jq -c .)"
	done < <(grep -v close json | jq .seq)
	seq=$(sed -n '/^data: DONE/,$ s/^id: //p' sse | head -n 1)
	same "$(sed "1,/^id: $seq/ d" sse | sed 1d)" \
		"$(curl -sN -m 20 -H "Last-Event-ID: $seq" "http://$at/tasks/$id/events")"
	same "$(sed 1,3d frames)" "$("$ws" "$at" "/tasks/$id/watch?since=$seq")"
	same 'status 400' "$("$ws" "$at" "/tasks/$id/watch?since=x")"
}

@test "serve: a cursor that the log does not have holds nobody up" {
	serve
	id=$(submit)
	watch ahead "/tasks/$id/watch?format=json&since=9000000000000000000"
	local ahead=$spawned_pid
	watch json "/tasks/$id/watch?format=json"
	local json=$spawned_pid
	work echo a
	wait "$ahead" "$json"
	same 'close 1000' "$(<ahead)"
	same completed "$(jq -r 'objects | .event' < <(grep -v close json) |
		tail -n 1)"
}

@test "serve: a carriage return of a task begins no line of a stream" {
	serve
	id=$(submit)
	work printf '1%%\rid: 7\r3%%\n'
	wait "$spawned_pid"
	curl -sN -m 20 "http://$at/tasks/$id/events" >sse
	not grep -q $'\r' sse
	# Who wants the head alone does not wait for the events.
	has "$(curl -sI -m 20 "http://$at/tasks/$id/events")" text/event-stream
	same $'data: 1%\ndata: id: 7\ndata: 3%' "$(grep -A 2 'data: 1%' sse)"
}

# since SEQ: what an EventSource gets that comes back with this event.
since() {
	curl -sN -m 20 -D headers -H "Last-Event-ID: $1" \
		"http://$at/tasks/$id/events"
}

@test "serve: an EventSource that comes back to a task that has ended is told to stop" {
	local seq
	serve
	# Nothing is shown of its end itself: the last line was DONE.
	id=$(submit)
	spawn curl -sN -m 20 "http://$at/tasks/$id/events" >sse
	local sse=$spawned_pid
	work sh -c 'echo a; echo DONE; until [ -e go ]; do sleep 0.05; done'
	wait_until 10 shown sse 'data: DONE'
	touch go
	wait "$sse"
	same 'data: DONE' "$(grep '^data' sse | tail -n 1)"
	seq=$(sed -n 's/^id: //p' sse | tail -n 1)
	same "$("$ws" "$at" "/tasks/$id/watch?format=json" |
		jq -r 'objects | .seq' 2>/dev/null | tail -n 1)" "$seq"
	for seq in "$seq" "$((seq + 1000))"; do
		same '' "$(since "$seq")"
		has "$(<headers)" 'HTTP/1.1 204 No Content'
		lacks "$(<headers)" Content-Length Content-Type:
	done
	# Who has not seen all of it gets the rest, and so does who asks first.
	seq=$(sed -n 's/^id: //p' sse | head -n 1)
	same 'data: a data: DONE' "$(since "$seq" | grep '^data' | paste -sd ' ')"
	has "$(<headers)" 'HTTP/1.1 200 OK' text/event-stream
	same "$(grep -v '^:' sse | grep .)" \
		"$(curl -sN -m 20 "http://$at/tasks/$id/events" | grep .)"
	seq=$(sed -n 's/^id: //p' sse | tail -n 1)
	same 200 "$(ask GET "/tasks/$id/events?since=$seq" | tail -n 1)"
	# One that is not over is waited for, whatever the client has seen of it.
	id=$(submit)
	spawn since "$((seq + 1))" >sse
	sse=$spawned_pid
	work echo b
	wait "$sse"
	grep -qx 'data: DONE' sse
}

@test "serve: DONE is shown once when the task's last line was that" {
	serve
	id=$(submit)
	work sh -c 'echo a; echo " DONE "'
	same $'Starting...\na\nDONE\nclose 1000' \
		"$("$ws" "$at" "/tasks/$id/watch")"
}

@test "serve: a task that fails is told once no attempt is left" {
	serve
	id=$(submit)
	spawn timeout 60 jobq-work -q --interval 0.2 --until-empty -- sh -c '
		echo "try $JOBQ_ATTEMPT"
		printf "first\n  no such table: x  \n\n" >&2
		[ "$JOBQ_ATTEMPT" = 2 ] && exit 65
		echo "{\"retry_after\":0.1}" >&3; exit 1'
	same $'Starting...\ntry 1\nStarting...\ntry 2
FAILED: no such table: x\nclose 1000' "$("$ws" "$at" "/tasks/$id/watch")"
	task . | json '.status == "failed" and .exit == 65
		and .last_update == "try 2" and (.error | strings != "")'
	same 409 "$(ask DELETE "/tasks/$id" '' | tail -n 1)"
}

@test "serve: STOP and DELETE stop a task, also before its start" {
	serve
	id=$(submit)
	watch one "/tasks/$id/watch" --on a STOP
	local one=$spawned_pid
	watch other "/tasks/$id/watch"
	local other=$spawned_pid
	work sh -c 'echo a; echo $$ >pid; exec sleep 100'
	local work=$spawned_pid
	wait "$one" "$other"
	same $'Starting...\na\nSTOPPED\nclose 1000' "$(<one)"
	same "$(<one)" "$(<other)"
	same '"stopped"' "$(task .status)"
	gone "$(<pid)"
	wait "$work" || true

	id=$(submit)
	work sh -c 'echo b; exec sleep 100'
	watch deleted "/tasks/$id/watch"
	local deleted=$spawned_pid
	wait_until 10 shown deleted b
	same "{\"task_id\":\"$id\",\"status\":\"running\"}
200" "$(ask DELETE "/tasks/$id")"
	wait "$deleted"
	same $'Starting...\nb\nSTOPPED\nclose 1000' "$(<deleted)"

	# Queued and silent: the watcher waits, and what it says counts.
	id=$(submit)
	watch queued "/tasks/$id/watch"
	local queued=$spawned_pid
	same $'STOPPED\nclose 1000' "$("$ws" "$at" "/tasks/$id/watch" \
		--send 'something else' --send ' STOP ')"
	wait "$queued"
	same $'STOPPED\nclose 1000' "$(<queued)"
	same "{\"task_id\":\"$id\",\"status\":\"stopped\"}
200" "$(ask DELETE "/tasks/$id")"
	same 404 "$(ask DELETE /tasks/nosuch | tail -n 1)"
}

@test "serve: a task that is unknown or long over is not found, before the upgrade" {
	serve --history 1s
	same 'status 404' "$("$ws" "$at" /tasks/nosuch/watch)"
	same 'status 404' "$("$ws" "$at" /nosuch)"
	same 404 "$(ask GET /tasks/nosuch/events | tail -n 1)"
	id=$(submit)
	work echo a
	same $'Starting...\na\nDONE\nclose 1000' \
		"$("$ws" "$at" "/tasks/$id/watch")"
	over() { [ "$("$ws" "$at" "/tasks/$id/watch")" = 'status 404' ]; }
	wait_until 10 over
	same 404 "$(ask GET "/tasks/$id/events" | tail -n 1)"
	same '"done"' "$(task .status)"
}

# bats test_tags=smoke
@test "serve: a submit repeated under its Idempotency-Key is one task" {
	local key='Idempotency-Key: order 17 of é' body fd
	body='{"project":"p","type":"t","params":{}}'
	again() { ask POST /tasks "$body" -H "$key" | jq -r 'objects | .task_id'; }
	serve
	# The server dies before it has written: the store is held meanwhile.
	exec {fd}<>q.db.turn
	flock "$fd"
	spawn ask POST /tasks "$body" -H "$key"
	local client=$spawned_pid
	waits() { kill -USR1 "$server"; grep -q ' 1 requests wait' serve.err; }
	wait_until 10 waits
	slay
	exec {fd}>&-
	wait "$client" || true
	serve_again
	id=$(again)
	[[ $id =~ $uuid ]]
	# It dies when it has written and the answer is not read yet.
	key='Idempotency-Key: order 18'
	exec {fd}<>"/dev/tcp/${at/://}"
	printf 'POST /tasks HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r
Content-Type: application/json\r\n\r\n%s' "$at" "$key" ${#body} "$body" >&"$fd"
	two() { [ "$(jobq-list | wc -l)" = 2 ]; }
	wait_until 10 two
	slay
	exec {fd}>&-
	serve_again
	other=$(again)
	[[ $other =~ $uuid ]]
	not [ "$other" = "$id" ]
	timeout 60 jobq-work -q --until-empty -- true
	# Also when the job has ended.
	ask POST /tasks "$body" -H "$key" | json -s --arg id "$other" '
		.[0] == {task_id: $id, status: "done"} and .[1] == 200'
	key='Idempotency-Key: order 17 of é'
	same "$id" "$(again)"
	same 2 "$(jobq-list | wc -l)"
}

@test "serve: watchers of two servers, one of which is killed, miss nothing" {
	serve
	local first=$at killed=$server since fd
	id=$(submit)
	watch one "/tasks/$id/watch?format=json"
	local one=$spawned_pid
	serve
	watch other "/tasks/$id/watch?format=json"
	local other=$spawned_pid
	many 3000 100 >events
	mkfifo report
	spawn timeout 60 sh -c 'exec jobq-report -q <report >settled'
	exec {fd}>report
	head -n 1000 events >&"$fd"
	enough() { [ "$(wc -l <one)" -ge 500 ]; }
	wait_until 20 enough
	slay "$killed"
	sed -n '1001,2000 p' events >&"$fd"
	wait "$one"
	same cut "$(tail -n 1 one)"
	at=$first serve_again
	since=$(sed '$d' one | tail -n 1 | jq .seq)
	at=$first watch two "/tasks/$id/watch?format=json&since=$since"
	local two=$spawned_pid
	sed -n '2001,$ p' events >&"$fd"
	exec {fd}>&-
	wait "$two" "$other"
	same "$(jq -c '[.event, .n]' events)" \
		"$(sed '$d' other | jq -c '[.event, .n]')"
	same "$(<other)" "$(sed '$d' one; cat two)"
}

@test "serve: a server that stops tells its watchers to go away" {
	serve
	id=$(submit)
	watch one "/tasks/$id/watch"
	local one=$spawned_pid
	spawn curl -sN -m 20 "http://$at/tasks/$id/events" >sse
	local sse=$spawned_pid
	work sh -c 'echo a; exec sleep 100'
	wait_until 10 shown one a
	wait_until 10 shown sse 'data: a'
	kill -TERM "$server"
	wait "$one" "$sse"
	same 'close 1001' "$(tail -n 1 one)"
	wait "$server"
	jobq-cancel "$id" >/dev/null
}

@test "serve: messages that are no text or too long close a watcher, one too many gets none" {
	serve --max-watchers 2
	id=$(submit)
	same 'close 1003' "$("$ws" "$at" "/tasks/$id/watch" --binary 3)"
	same 'close 1009' "$("$ws" "$at" "/tasks/$id/watch" --big 65537)"
	watch one "/tasks/$id/watch" --big 65536
	local one=$spawned_pid
	watch two "/tasks/$id/watch"
	stand() { kill -USR1 "$server"; grep -q ' 2 streams and' serve.err; }
	wait_until 10 stand
	same 'status 503' "$("$ws" "$at" "/tasks/$id/watch")"
	same 503 "$(ask GET "/tasks/$id/events" | tail -n 1)"
	same 200 "$(ask GET "/tasks/$id" | tail -n 1)"
	not grep -q . one
	kill "$spawned_pid"
	work true
	again() { "$ws" "$at" "/tasks/$id/watch" | grep -q 'close 1000'; }
	wait_until 10 again
	wait "$one"
	same 'close 1000' "$(tail -n 1 one)"
}

resident() { # of the server, KiB
	ps -o rss= -p "$server"
}

@test "serve: a watcher that does not read holds up nobody, and nothing is lost unsaid" {
	local before slow plain fast
	serve
	id=$(submit)
	watch slow "/tasks/$id/watch?format=json" --until go
	slow=$spawned_pid
	watch slow.plain "/tasks/$id/watch" --until go
	plain=$spawned_pid
	watch fast "/tasks/$id/watch?format=json"
	fast=$spawned_pid
	many 20000 800 >events
	head -n 1 events | jobq-report -q >/dev/null
	wait_until 10 grep -q started fast
	before=$(resident)
	sed 1d events | jobq-report -q >/dev/null
	wait "$fast"
	# A sanitizer keeps memory of its own.
	[[ $JOBQ_BUILD == */san/* ]] ||
		[ "$(resident)" -lt $((before + 24576)) ]
	same "$(jq .n events)" "$(sed '$d' fast | jq .n)"
	touch go
	wait "$slow" "$plain"
	# What follows one another follows without a hole, but for what is told.
	sed '$d' slow | json -s --slurpfile all <(jq .n events) '
		[foreach .[] as $event ({at: 0, ok: true};
			if $event.event == "gap" then .ok = (.ok and .at == $event.since)
				| .at = $event.until
			else .ok = (.ok and $event.seq > .at
				and ($event.n == .n + 1 or .gap))
				| .at = $event.seq | .n = $event.n end
			| .gap = ($event.event == "gap"); .ok)] | all'
	[[ $(tail -n 2 slow | head -n 1) == *'"completed"'* ]]
	same "$(seq -f %06.0f 20000)" "$(sed '1 d' slow.plain | sed -n 's/ x*$//p')"
}
